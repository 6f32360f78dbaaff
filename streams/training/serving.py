"""Having a promoted model served, and the one before it again.

In Ollama each model has a name of its own, `clawback:<model id>`, and the served name is given to
one of them after the other. So going back takes one request, and no file is written.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from agents.ensemble import edition
from schemas.settings import Settings
from streams.training.ollama import Ollama, OllamaError
from trainer.registry.card import Seat
from trainer.registry.files import sha256
from trainer.registry.registry import Model, Registry
from trainer.serving.chat import chat_of
from trainer.serving.modelfile import create_request
from trainer.serving.prepare import MODELFILE, Doing, Unprepared, alone, prepare
from trainer.serving.served import Served, note, read_served, recipe_of, tag_of

BASE: Final = "base"
"""The tag that keeps what the served name stood for before the first promotion."""


def seats(settings: Settings) -> list[Seat]:
    """Return who sits on the panel that feeds the sinks, as of now."""
    (panel,) = (each for each in settings.all_panels if each.name == settings.sinks.panel)
    current = edition(panel, settings.judges)
    pins = [current.pins[name] for name in panel.judges]
    return [Seat(judge=pin.judge, model=pin.model, rubric=pin.rubric) for pin in pins]


async def serve(
    settings: Settings, registry: Registry, model_id: str, doing: Doing = lambda _: None
) -> Served:
    """Do what is left to do until a model serves, and return how far that came.

    A model that does not serve by the registry gets its files and its own name in Ollama only.
    Where all of that is there, this takes a second or two.

    Args:
        settings: the settings.
        registry: the models.
        model_id: which one.
        doing: is told what is being done.

    Raises:
        RegistryError: there is no such model.
    """
    model = registry.get(model_id)
    try:
        with alone(model.serving):
            served = await _serve(settings, registry, model, doing)
            note(model, served)
    except Unprepared as error:
        return _pending(model, str(error))
    except OSError as error:
        return _pending(model, f"{model.serving} can't be written: {error.strerror or error}")
    return served


async def serve_base(settings: Settings) -> str:
    """Give the served name back to what had it before the first promotion.

    Returns:
        What a person is to do where that can't be; "" where nothing is.
    """
    serving = settings.train.serving
    if not serving.ollama:
        return ""
    kept = f"{serving.name}:{BASE}"
    try:
        async with Ollama(serving.ollama, serving.transport) as ollama:
            if kept in await ollama.models():
                await ollama.copy(kept, serving.name)
                return ""
    except OllamaError as error:
        return f"{error}; when it is back, `ollama cp {kept} {serving.name}` there"
    return (
        f"{serving.ollama} goes on with the model it has as {serving.name}, since it had none "
        f"before the first promotion; `ollama cp MODEL {serving.name}` there gives it another"
    )


async def _serve(settings: Settings, registry: Registry, model: Model, doing: Doing) -> Served:
    serving = settings.train.serving
    chat = await asyncio.to_thread(chat_of, model.weights)
    made = Served(
        model=model.id,
        state="files",
        tag=tag_of(model, serving),
        recipe=recipe_of(model, serving, chat),
        at_ms=int(time.time() * 1000),
    )
    try:
        before = read_served(model)
        if before is not None and (before.url, before.recipe) == (serving.ollama, made.recipe):
            async with Ollama(serving.ollama, serving.transport) as ollama:
                if made.tag in await ollama.models():
                    await _name(ollama, serving.name, made.tag, registry, model)
                    return before.model_copy(update={"at_ms": made.at_ms})
        gguf, chat = await prepare(model, settings.train, doing)
        made = made.model_copy(update={"gguf": str(gguf)})
        if not serving.ollama:
            how = f"`ollama create {serving.name} -f {model.serving / MODELFILE}` serves it"
            reason = f"train.serving.ollama is not set; {how}"
            return made.model_copy(update={"reason": reason, "recipe": ""})
        async with Ollama(serving.ollama, serving.transport) as ollama:
            doing(f"sends it to {serving.ollama}")
            digest = await asyncio.to_thread(sha256, gguf)
            await ollama.send(gguf, digest)
            doing(f"has {serving.ollama} make {made.tag}")
            await ollama.create(create_request(made.tag, gguf.name, digest, chat, serving.context))
            await _name(ollama, serving.name, made.tag, registry, model)
        return made.model_copy(update={"state": "serving", "url": serving.ollama})
    except (Unprepared, OllamaError) as error:
        left = {"state": "pending", "reason": str(error), "recipe": ""}
        commands = error.commands if isinstance(error, Unprepared) else ()
        return made.model_copy(update={**left, "by_hand": commands})


async def _name(ollama: Ollama, name: str, tag: str, registry: Registry, model: Model) -> None:
    """Give a model the served name, if it is still the one that serves."""
    current = await asyncio.to_thread(registry.current)
    if current is None or current.id != model.id:
        return
    models = await ollama.models()
    latest = f"{name}:latest"
    ours = {
        digest
        for known, digest in models.items()
        if known.startswith(f"{name}:") and known not in (latest, f"{name}:{BASE}")
    }
    if latest in models and models[latest] not in ours:
        await ollama.copy(name, f"{name}:{BASE}")
    await ollama.copy(tag, name)


def _pending(model: Model, reason: str) -> Served:
    return Served(model=model.id, state="pending", reason=reason, at_ms=int(time.time() * 1000))
