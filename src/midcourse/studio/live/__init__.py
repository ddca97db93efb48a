"""Live traces: the answers that somebody looks at or that are being written, as every tab sees them."""

from midcourse.studio.live.live import Live

__all__ = ["Live"]
