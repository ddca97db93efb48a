"""An epoch of training on steers: Midcourse against TRL's `DPOTrainer` on the same pairs."""
