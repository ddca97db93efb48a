"""Attribute-conditioned fine-tuning: answers, given the values that they have."""
