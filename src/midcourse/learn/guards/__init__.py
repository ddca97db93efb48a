"""What stands between bad steers, or a bad step, and the adapter.

Before training: contradictory and nearly identical steers, and how alike the model finds both sides. During it: each
correction that becomes less likely, and the culprit of a number that is not finite.
"""
