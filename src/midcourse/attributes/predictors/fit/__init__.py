"""Fit a regression predictor: from rated conversations to a folder that rates others."""
