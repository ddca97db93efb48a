"""The types of the studio's API: what the page sends and what it gets. OpenAPI is made from them.

Depths count answer tokens, as in `trace.tree`. Log-probabilities are in nats, times in ISO 8601.
"""
