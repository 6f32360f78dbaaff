"""What Ollama is told to make a model of a GGUF file: as a Modelfile, and over its API."""

from __future__ import annotations

from typing import Any

from trainer.serving.chat import Chat


def modelfile(gguf: str, chat: Chat, context: int) -> str:
    """Return a Modelfile; `ollama create NAME -f` takes it.

    Args:
        gguf: the file, relative to the Modelfile.
        chat: how the model chats.
        context: tokens of context.
    """
    lines = [f"FROM ./{gguf}"]
    if chat.template:
        lines.append(f'TEMPLATE """{chat.template}"""')
    if chat.system:
        lines.append(f'SYSTEM """{chat.system}"""')
    lines.append(f"PARAMETER num_ctx {context}")
    lines += [f'PARAMETER stop "{stop}"' for stop in chat.stops]
    return "\n".join(lines) + "\n"


def create_request(tag: str, gguf: str, sha256: str, chat: Chat, context: int) -> dict[str, Any]:
    """Return the body of ``POST /api/create`` that says the same.

    Args:
        tag: the model's name in Ollama.
        gguf: the file's name.
        sha256: its digest; it must have been sent to ``/api/blobs``.
        chat: how the model chats.
        context: tokens of context.
    """
    parameters: dict[str, Any] = {"num_ctx": context}
    if chat.stops:
        parameters["stop"] = list(chat.stops)
    body: dict[str, Any] = {
        "model": tag,
        "files": {gguf: f"sha256:{sha256}"},
        "parameters": parameters,
    }
    if chat.template:
        body["template"] = chat.template
    if chat.system:
        body["system"] = chat.system
    return body
