"""What clients send and get: the types of OpenAI's API, as far as they are served."""
