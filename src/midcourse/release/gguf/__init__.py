"""GGUF files, as llama.cpp and what is built on it load them: a whole model, or a LoRA adapter by itself."""
