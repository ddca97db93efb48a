"""More than one process: who computes what of a step, weights that are divided, and DeepSpeed's engine."""
