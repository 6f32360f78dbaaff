"""Messages as the text a model is trained on."""

from sinks.render.qwen import render

__all__ = ["render"]
