"""Any OpenAI-compatible endpoint as an engine: vLLM, SGLang, a llama.cpp server, Ollama, TGI, hosted ones."""
