"""SteerLM (arXiv 2310.05344): graded attributes of answers, from ratings to dials."""
