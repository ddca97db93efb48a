"""llama.cpp as an engine: in this process, or a server elsewhere."""
