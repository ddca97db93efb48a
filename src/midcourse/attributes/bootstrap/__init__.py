"""Bootstrapping (arXiv 2310.05344, section 3.4): a model learns from the best of what it writes under its own dials."""
