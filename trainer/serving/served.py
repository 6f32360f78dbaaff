"""How far a model is from being served."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.identity import digest
from schemas.settings import Serving
from trainer.registry.files import put
from trainer.registry.registry import Model
from trainer.serving.chat import Chat

STATE: Final = "state.json"


class Served(BaseModel):
    """What serves a model, or why nothing does yet.

    In `pending` something is missing or failed, `reason` says what, and to try again goes on from
    there; in `files` all files are there and no Ollama is set; in `serving` the Ollama at `url`
    has it as `tag` and, where it is the model that serves, under the served name. `recipe` stands
    for all that the tag there was made from. `by_hand` are commands for a person where a tool is
    missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    state: Literal["pending", "files", "serving"]
    reason: str = ""
    gguf: str = ""
    url: str = ""
    tag: str = ""
    recipe: str = ""
    by_hand: tuple[str, ...] = ()
    at_ms: int = 0


def read_served(model: Model) -> Served | None:
    """Return what was noted last, None if nothing was or it can't be read."""
    try:
        return Served.model_validate_json((model.serving / STATE).read_bytes())
    except (OSError, ValidationError):
        return None


def note(model: Model, served: Served) -> None:
    """Write down how far a model is.

    Raises:
        OSError: it can't be written.
    """
    model.serving.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(model.serving / STATE, served.model_dump_json(indent=2).encode() + b"\n")


def tag_of(model: Model, serving: Serving) -> str:
    """Return the model's own name in Ollama, which it keeps whatever serves."""
    return f"{serving.name}:{model.id}"


def recipe_of(model: Model, serving: Serving, chat: Chat) -> str:
    """Return what stands for all that a model in Ollama is made from."""
    return digest(
        "serving", model.id, serving.quantization, serving.context, chat.template, chat.system,
        list(chat.stops),
    )  # fmt: skip


def gguf_of(model: Model, serving: Serving) -> Path:
    """Return where the file is that is served."""
    return model.serving / f"{serving.name}-{serving.quantization}.gguf"
