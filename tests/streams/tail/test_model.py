"""A state machine of what can happen to session files, against a model of what must come out.

The model knows for each file which lines are in it. After every scan, each line that stands in a
file has been published; nothing else ever is; and the lines of a file come in order, though a part
of them may come again.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas import line_id
from streams.tail import chain, file, lines, tailer
from tests.streams.tail.world import World

TEXTS = ("a", "ä", "猫", "🦞", "x" * 60, "\u2028", "\\n", "é" * 40)
INVALID = (b'{"broken":', b"\xff\xfe", b"[1]", b"nothing", b'{"a":NaN}', b"\xc3")
MAX_LINE = 1024
names = st.sampled_from(("one", "two", "Three.4"))
agents = st.sampled_from(("main", "work"))


class Files(RuleBasedStateMachine):
    """`content` is what each file holds, `partial` what of it has no LF yet."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="clawback-tail-"))
        # In memory where there is such a file system: closing a database waits for its disk.
        self.home = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.world = World(self.folder, self.home, max_line_bytes=MAX_LINE)
        self.loop = asyncio.new_event_loop()
        self.numbers = itertools.count(1)
        self.ever: dict[tuple[str, str], dict[bytes, int]] = {}
        self.bytes_at: dict[tuple[str, str, int], set[bytes]] = {}
        self.read_to = 0
        self.dead: set[tuple[str, str]] = set()
        self.published: set[tuple[str, str]] = set()
        self.letters: set[tuple[str, str]] = set()
        self.endings: set[str] = set()

    # What the files hold

    def path(self, agent: str, name: str) -> Path:
        return self.world.root / "agents" / agent / "sessions" / f"{name}.jsonl"

    def transcripts(self) -> Iterator[Path]:
        for path in sorted(self.world.root.glob("agents/*/sessions/*.jsonl*")):
            if path.name.split(".")[-1] not in ("lock", "tmp") and ".traj" not in path.name:
                yield path

    def new_line(self, text: str) -> bytes:
        return f'{{"n":{next(self.numbers)},"t":"{text}"}}'.encode()

    def put(self, path: Path, data: bytes, flags: int = os.O_APPEND) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        self.note(path)

    def note(self, path: Path) -> None:
        """Take down the lines that stand in the file now."""
        offset = 0
        session = path.name.split(".jsonl")[0]
        transcript = str(path.parent / f"{session}.jsonl")
        *complete, _ = path.read_bytes().split(b"\n")
        for data in complete:
            place = (transcript, session, offset)
            self.bytes_at.setdefault(place, set()).add(data)
            offset += len(data) + 1

    # Actions

    @initialize(there=st.booleans())
    def begin(self, there: bool) -> None:
        if there:
            self.world.make()

    @rule(agent=agents, name=names, texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6))
    def append(self, agent: str, name: str, texts: list[str]) -> None:
        data = b"".join(self.new_line(text) + b"\n" for text in texts)
        self.put(self.path(agent, name), data)

    @rule(agent=agents, name=names, text=st.sampled_from(TEXTS), cut=st.integers(1, 400))
    def append_partial(self, agent: str, name: str, text: str, cut: int) -> None:
        data = self.new_line(text) + b"\n"
        self.put(self.path(agent, name), data[:cut])

    @rule(agent=agents, name=names)
    def finish_line(self, agent: str, name: str) -> None:
        self.put(self.path(agent, name), b'"}\n')

    @rule(agent=agents, name=names, data=st.sampled_from(INVALID), crlf=st.booleans())
    def append_invalid(self, agent: str, name: str, data: bytes, crlf: bool) -> None:
        self.put(self.path(agent, name), data + (b"\r\n" if crlf else b"\n"))

    @rule(agent=agents, name=names, length=st.sampled_from((MAX_LINE - 40, MAX_LINE, 5000)))
    def append_long(self, agent: str, name: str, length: int) -> None:
        self.put(self.path(agent, name), self.new_line("y" * length) + b"\n")

    @rule(agent=agents, name=names, size=st.integers(1, 2000))
    def leave_hole(self, agent: str, name: str, size: int) -> None:
        self.put(self.path(agent, name), b"\0" * size + self.new_line("hole") + b"\n")

    def cut_and_grow(self, path: Path, data: Any) -> None:
        """Take back the last lines, and perhaps write past where they ended before anyone looks."""
        content = path.read_bytes()
        ends = [0] + [at + 1 for at, byte in enumerate(content) if byte == 10]
        os.truncate(path, data.draw(st.sampled_from(ends[-4:])))
        self.note(path)
        for _ in range(data.draw(st.integers(0, 8))):
            self.put(path, self.new_line("after pruning") + b"\n")

    def rewrite(self, path: Path, data: Any) -> None:
        """Write the file anew: with some lines left out, others changed, others after them."""
        how = data.draw(st.sampled_from(("in place", "by renaming", "by deleting")))
        kept = [
            line + b"\n" if data.draw(st.booleans()) else self.new_line("rewritten") + b"\n"
            for line in path.read_bytes().split(b"\n")[:-1]
            if data.draw(st.integers(0, 4))
        ]
        kept += [self.new_line("grown") + b"\n" for _ in range(data.draw(st.integers(0, 5)))]
        content = b"".join(kept)
        if how == "in place":
            self.put(path, content, os.O_TRUNC)
        elif how == "by renaming":
            temporary = path.with_name(f"{path.name}.repair-1-2.tmp")
            temporary.write_bytes(content)
            temporary.rename(path)
            self.note(path)
        else:
            path.unlink()
            self.put(path, content)

    def refill(self, path: Path, data: Any) -> None:  # noqa: ARG002 - one of three alike
        """Other lines of the very same size in the same file."""
        content = path.read_bytes()
        fresh = b""
        while len(fresh) + 80 < len(content):
            fresh += self.new_line("refill") + b"\n"
        room = len(content) - len(fresh)
        if room > 30:
            head = f'{{"n":{next(self.numbers)},"t":"'.encode()
            fresh += head + b"z" * (room - len(head) - 3) + b'"}\n'
        self.put(path, fresh + b"#" * (len(content) - len(fresh)), os.O_TRUNC)

    @rule(data=st.data())
    def change(self, data: Any) -> None:
        """Change a file that nobody has looked at since it was written."""
        paths = list(self.transcripts())
        if paths:
            path = data.draw(st.sampled_from(paths))
            data.draw(st.sampled_from((self.cut_and_grow, self.refill, self.rewrite)))(path, data)

    @rule(data=st.data(), state=st.sampled_from(("reset", "deleted", "bak")))
    def put_away(self, data: Any, state: str) -> None:
        path = data.draw(
            st.sampled_from([p for p in self.transcripts() if p.suffix == ".jsonl"] or [None])
        )
        if path is not None:
            stamp = f"2026-11-22T18-58-{next(self.numbers) % 60:02}.{next(self.numbers) % 1000:03}Z"
            path.rename(path.with_name(f"{path.name}.{state}.{stamp}"))

    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        path = data.draw(st.sampled_from(list(self.transcripts()) or [None]))
        if path is not None:
            path.unlink()

    @rule(agent=agents)
    @precondition(lambda self: self.world.root.exists())
    def remove_directory(self, agent: str) -> None:
        shutil.rmtree(self.world.root / "agents" / agent, ignore_errors=True)

    @rule(agent=agents)
    def clutter(self, agent: str) -> None:
        folder = self.world.root / "agents" / agent / "sessions"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("sessions.json", "one.jsonl.lock", "one.trajectory.jsonl", "x.jsonl.tmp"):
            (folder / name).write_bytes(b'{"clutter":1}\n')

    @rule(bytes_=st.sampled_from((200, 4096)), records=st.sampled_from((1, 3, 1000)))
    def small_batches(self, bytes_: int, records: int) -> None:
        self.patch.setattr("streams.tail.follower.BATCH_BYTES", bytes_)
        self.patch.setattr("streams.tail.follower.SLICE_BYTES", bytes_)
        self.patch.setattr("streams.tail.follower.BATCH_RECORDS", records)

    @rule(times=st.integers(1, 3), partly=st.integers(0, 3))
    def break_connection(self, times: int, partly: int) -> None:
        self.world.broker.refuse, self.world.broker.partly = times, partly

    @rule(after=st.integers(0, 3))
    def crash(self, after: int) -> None:
        """Kill the tailer in the middle of its work: what was published may not be taken down."""

        async def killed() -> None:
            task = asyncio.ensure_future(self.world.tailer.drain())
            for _ in range(after * 3):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.loop.run_until_complete(killed())
        self.world.restart()

    @rule()
    def restart(self) -> None:
        self.world.restart()

    # What must come out

    @rule(data=st.data())
    def scan(self, data: Any) -> None:
        """Look, then let one of the files change in the ways that are hard to tell, and look."""
        self.look()
        paths = list(self.transcripts())
        if paths:
            path = data.draw(st.sampled_from(paths))
            data.draw(st.sampled_from((self.cut_and_grow, self.refill, self.rewrite)))(path, data)
            self.look()

    def look(self) -> None:
        self.loop.run_until_complete(self.world.tailer.drain())
        self.take()
        for path in self.transcripts():
            self.check_all_published(path)

    def take(self) -> None:
        """Take in what was published since the last time: each record was a line at its place."""
        for entry in self.world.broker.entries[self.read_to :]:
            origin = entry.origin
            if entry.kind == "ended":
                self.endings.add(origin.session)
            if entry.kind != "line":
                continue
            transcript = str(self.world.root / origin.file)
            found = self.at(transcript, origin.session, origin.offset)
            assert any(entry.id == line_id(origin.session, data) for data in found), entry
            self.published.add((transcript, entry.id))
        self.read_to = len(self.world.broker.entries)
        for letter in self.world.broker.letters:
            session = Path(letter.source).name.split(".jsonl")[0]
            assert self.at(letter.source, session, int(letter.position)), letter
            self.letters.add((letter.source, letter.position))

    def at(self, transcript: str, session: str, offset: int) -> set[bytes]:
        found = {
            data.rstrip(b"\r").lstrip(b"\0")
            for data in self.bytes_at.get((transcript, session, offset), ())
        }
        for (path, _, start), all_data in self.bytes_at.items():
            if path == transcript and start < offset:
                found |= {
                    data[offset - start :].rstrip(b"\r")
                    for data in all_data
                    if data[: offset - start].strip(b"\0") == b"" and len(data) > offset - start
                }
        return found

    def check_all_published(self, path: Path) -> None:
        session = path.name.split(".jsonl")[0]
        transcript = str(path.parent / f"{session}.jsonl")
        offset = 0
        for data in path.read_bytes().split(b"\n")[:-1]:
            text = data.rstrip(b"\r").lstrip(b"\0")
            place = (transcript, str(offset + len(data.rstrip(b"\r")) - len(text)))
            if text:
                assert (
                    (transcript, line_id(session, text)) in self.published
                    or place in self.letters
                    or (transcript, str(offset)) in self.letters
                ), (path, offset, data)
            offset += len(data) + 1
        if ".reset." in path.name or ".deleted." in path.name:
            assert session in self.endings

    @invariant()
    def broker_holds_only_lines(self) -> None:
        self.take()

    def teardown(self) -> None:
        self.look()
        self.world.close()
        self.loop.close()
        self.patch.undo()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit is met within a few lines."""
    monkeypatch.setattr(chain.Chain.__init__, "__kwdefaults__", {"segment_bytes": 150})
    monkeypatch.setattr(chain, "_STOPS", 3)
    monkeypatch.setattr(file, "CHUNK_BYTES", 97)
    monkeypatch.setattr(lines, "HEAD_BYTES", 64)
    monkeypatch.setattr(tailer, "BACKOFF_SECONDS", 0.0)


@pytest.mark.usefixtures("small")
def test_whatever_happens_to_the_files_every_line_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class OfTest(Files):
        patch = monkeypatch

    run_state_machine_as_test(
        OfTest,
        settings=settings(
            max_examples=60,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
