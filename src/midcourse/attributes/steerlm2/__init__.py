"""SteerLM 2.0 (arXiv 2406.08673): a conditioned model drawn to what a predictor says it should be."""
