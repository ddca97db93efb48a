"""What every web server of ours stands on: where it listens, who may ask, bounds, a log, how it begins and ends."""
