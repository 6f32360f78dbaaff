"""From a registered model to a GGUF file that can be served, in steps of which each is kept.

    merged/              base and adapter in one; goes when the GGUF file is there
    BF16.gguf            not quantised; goes when the quantised one is there
    <name>-<type>.gguf   what is served
    Modelfile            for `ollama create`
    openclaw.json        for OpenClaw's settings

A step writes beside its place and takes its name at the end, so that a kill costs one step.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.settings import Train
from trainer.launch.process import leashed, started
from trainer.registry.files import PRIVATE_DIRECTORY, PRIVATE_FILE, put, sync
from trainer.registry.registry import Model
from trainer.serving.chat import Chat, chat_of
from trainer.serving.llamacpp import (
    DIRECT,
    UNQUANTIZED,
    NoTool,
    Tools,
    check,
    convert_command,
    find_tools,
    quantize_command,
)
from trainer.serving.modelfile import modelfile
from trainer.serving.openclaw import provider_settings
from trainer.serving.served import gguf_of

MERGED: Final = "merged"
MODELFILE: Final = "Modelfile"
OPENCLAW: Final = "openclaw.json"
_PART: Final = ".part-"

Doing = Callable[[str], None]
"""Is told in a few words what is being done."""


class Unprepared(Exception):
    """It can't be made at present. One line that says why and what to do; `commands` do it by hand
    where a tool is missing here."""

    def __init__(self, message: str, commands: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.commands = tuple(commands)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only one who prepares a model.

    Raises:
        Unprepared: another process is at it.
    """
    folder.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Unprepared("another process is preparing it; try again when it has ended") from None
    try:
        yield
    finally:
        os.close(descriptor)


async def prepare(model: Model, train: Train, doing: Doing) -> tuple[Path, Chat]:
    """Make what is served of a model, and return the GGUF file and how the model chats.

    Hold `alone` meanwhile. Takes minutes to hours for a large model, a second where all is there.

    Args:
        model: the model.
        train: the settings.
        doing: is told what is being done.

    Raises:
        Unprepared: a tool or room on the disk is missing, or a step failed.
        OSError: the disk can't be written.
    """
    folder, serving = model.serving, train.serving
    for left in folder.glob(f"{_PART}*"):
        _remove(left)
    served = gguf_of(model, serving)
    if not served.exists():
        await _make(model, train, served, doing)
    chat = chat_of(model.weights)
    put(folder / MODELFILE, modelfile(served.name, chat, serving.context).encode())
    settings = provider_settings(serving.ollama, serving.name, serving.context)
    put(folder / OPENCLAW, json.dumps(settings, indent=2).encode() + b"\n")
    return served, chat


def by_hand(model: Model, train: Train) -> list[str]:
    """Return the commands that make the same where a tool is missing, in their order."""
    folder, serving = model.serving, train.serving
    served = gguf_of(model, serving)
    none, kind = Tools(None, None), serving.quantization.upper()
    python = train.python or sys.executable
    source = model.weights
    commands: list[list[str]] = []
    if model.is_adapter:
        source = folder / MERGED
        commands.append([*_merge_command(model, python), str(source)])
    plain = folder / f"{UNQUANTIZED}.gguf"
    if kind in DIRECT:
        commands.append(convert_command(none, source, served, kind))
    else:
        commands.append(convert_command(none, source, plain, UNQUANTIZED))
        commands.append(quantize_command(none, plain, served, kind))
    return [shlex.join(command) for command in commands]


async def _make(model: Model, train: Train, served: Path, doing: Doing) -> None:
    folder, kind = model.serving, train.serving.quantization.upper()
    python = train.python or sys.executable
    tools = await asyncio.to_thread(find_tools, train.serving.llama_cpp, python)
    try:
        check(tools, kind)
    except NoTool as error:
        raise Unprepared(str(error), by_hand(model, train)) from None
    merged, plain = folder / MERGED, folder / f"{UNQUANTIZED}.gguf"
    direct = kind in DIRECT
    first = served if direct else plain
    if not first.exists():
        source = model.weights
        if model.is_adapter:
            source = merged
            if not merged.exists():
                doing("puts the adapter into the base")
                await _step(lambda part: [*_merge_command(model, python), str(part)], merged)
        doing("converts the model to GGUF")
        _room(folder, sum(path.stat().st_size for path in source.rglob("*.safetensors")))
        outtype = kind if direct else UNQUANTIZED
        await _step(lambda part: convert_command(tools, source, part, outtype), first)
    _remove(merged)
    if not direct:
        doing(f"quantises it to {kind}")
        _room(folder, plain.stat().st_size)
        await _step(lambda part: quantize_command(tools, plain, part, kind), served)
        _remove(plain)


def _merge_command(model: Model, python: str) -> list[str]:
    return [python, "-m", "trainer.serving.merge", model.card.base_model, str(model.weights)]


async def _step(command: Callable[[Path], list[str]], target: Path) -> None:
    """Run the command that writes a file or directory, and give that its name when it is whole.

    Raises:
        Unprepared: it failed.
    """
    part = target.with_name(f"{_PART}{target.name}")
    words = command(part)
    async with started(leashed(words)) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        _, said = await asyncio.gather(_drained(child.stdout), child.stderr.read())
        code = await child.wait()
    if code or not part.exists():
        lines = said.decode("utf-8", "replace").strip().splitlines()
        last = lines[-1].strip() if lines else f"exit code {code}"
        raise Unprepared(f"{_tool(words)} failed: {last}")
    os.replace(part, target)
    sync(target.parent)


async def _drained(stream: asyncio.StreamReader) -> None:
    while await stream.read(1 << 16):
        continue


def _tool(words: Sequence[str]) -> str:
    """Return what a person calls a command."""
    return (
        words[2] if words[1] == "-m" else Path(words[1] if "python" in words[0] else words[0]).name
    )


def _room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Unprepared(
            f"{folder} has {free / 1e9:.1f} GB free and about {needed / 1e9:.1f} GB are needed"
        )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
