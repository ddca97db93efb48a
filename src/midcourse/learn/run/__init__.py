"""What is around the loop: the recipe and its record, checkpoints, trackers, progress, and what a run leaves."""
