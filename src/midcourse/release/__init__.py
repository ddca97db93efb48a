"""A trained model as other programs load it: an adapter with its card, whole weights, GGUF files, a Modelfile, the hub.

Nothing here trains or measures. What is written says nothing of the machine that it was made on.
"""
