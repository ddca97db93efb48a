"""Next tokens: one answer being written, rolled back and resumed, or many at once."""
