"""SteerLM shown from beginning to end: rated answers, judges, dials, and what the dials do."""
