"""Midcourse: correct a language model in mid-sentence, and train it on exactly that."""

__version__ = "0.1.0"
