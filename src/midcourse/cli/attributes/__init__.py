"""`attributes …`: SteerLM on the command line. Each command parses, calls one function and renders."""
