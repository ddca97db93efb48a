"""Training and measuring beside the studio: each job is a process of its own that reports through the store."""
