"""The studio: a local web page on which a person steers a model, and everything behind it.

Only this package and `cli` compose: routes parse, call one function of ours, and answer with a type of `schemas`.
"""
