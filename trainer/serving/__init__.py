"""What is made of a promoted model so that it can be served: GGUF, Modelfile, OpenClaw settings."""
