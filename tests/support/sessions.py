"""Session logs as OpenClaw 2026.3 writes them, made from a seed, with a known right answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

START_MS = 1_772_000_000_000
"""The first session's first message: 2026-02-25, in epoch milliseconds."""

REQUESTS = (
    "what's in my inbox today?",
    "move the dentist to friday morning",
    "find the cheapest flight to Lisbon next week",
    "add milk and coffee to the shopping list",
    "is the car charged?",
    "summarise the notes from yesterday's call",
    "why does the backup job fail?",
    "rename the holiday pictures by date",
)
TOOLS = ("exec", "read", "write", "edit", "web_search", "memory_search", "calendar")
THANKS = ("thanks!", "perfect, thank you", "great")
COMPLAINTS = ("no, that's wrong", "that's not what I asked for", "still broken, try again")
WORDS = (
    "the log says that nothing was found in this folder".split()  # noqa: SIM905
    + "but a note about the call next week".split()  # noqa: SIM905
)


@dataclass
class Session:
    """A transcript being written: `lines` are JSONL without the line feed."""

    id: str
    start_ms: int
    lines: list[bytes] = field(default_factory=list)
    turns: int = 0
    _parent: str | None = None
    _count: int = 0
    _calls: int = 0
    _clock: int = 0

    def __post_init__(self) -> None:
        self._clock = self.start_ms
        self.line(
            type="session", version=3, id=self.id, timestamp=iso(self._clock), cwd="/home/milo"
        )
        self.entry("model_change", provider="fake", modelId="fake-1")

    def line(self, **fields: Any) -> None:
        self.lines.append(orjson.dumps(fields))

    def entry(self, kind: str, **fields: Any) -> str:
        self._count += 1
        entry_id = f"{hash_id(self.id, self._count)}"
        self.line(
            type=kind, id=entry_id, parentId=self._parent, timestamp=iso(self._clock), **fields
        )
        self._parent = entry_id
        return entry_id

    def wait(self, milliseconds: int) -> None:
        self._clock += milliseconds

    def user(self, text: str) -> None:
        self.message(role="user", content=[{"type": "text", "text": text}])

    def assistant(
        self, text: str = "", calls: tuple[tuple[str, dict[str, Any]], ...] = (), stop: str = ""
    ) -> list[str]:
        content: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Let me see."}]
        if text:
            content.append({"type": "text", "text": text})
        ids = []
        for name, arguments in calls:
            self._calls += 1
            ids.append(f"call_{self._calls}")
            content.append(
                {"type": "toolCall", "id": ids[-1], "name": name, "arguments": arguments}
            )
        self.message(
            role="assistant",
            content=content,
            api="openai-completions",
            provider="fake",
            model="fake-1",
            usage={"input": 1000, "output": 40, "cacheRead": 200, "cacheWrite": 0},
            stopReason=stop or ("toolUse" if calls else "stop"),
        )
        return ids

    def result(self, call_id: str, name: str, text: str, exit_code: int | None = None) -> None:
        details = (
            {} if exit_code is None else {"details": {"status": "completed", "exitCode": exit_code}}
        )
        self.message(
            role="toolResult",
            toolCallId=call_id,
            toolName=name,
            content=[{"type": "text", "text": text}],
            isError=False,
            **details,
        )

    def message(self, **message: Any) -> None:
        self.wait(37)
        self.entry("message", message={**message, "timestamp": self._clock})

    def fork(self, session_id: str) -> Session:
        """Return a session that OpenClaw forks from this one as it is now: other words of the user
        may follow there. The copied lines stand in `lines`."""
        made = Session(session_id, self._clock)
        header = orjson.loads(made.lines[0]) | {"parentSession": f"/sessions/{self.id}.jsonl"}
        made.lines = [orjson.dumps(header), *self.lines[1:]]
        made.turns, made._parent, made._calls = self.turns, self._parent, self._calls
        return made

    @property
    def data(self) -> bytes:
        return b"".join(line + b"\n" for line in self.lines)

    @property
    def clock(self) -> int:
        """When the next entry is written, by the entries' own time (epoch milliseconds)."""
        return self._clock

    @contextmanager
    def taken_back(self) -> Iterator[list[bytes]]:
        """Write lines that OpenClaw takes back: they are in what is yielded and nowhere else."""
        count, parent = len(self.lines), self._parent
        lines: list[bytes] = []
        yield lines
        lines += self.lines[count:]
        del self.lines[count:]
        self._parent = parent


def session(seed: int, turns: int, *, result_chars: int = 400) -> Session:
    """Return a session of so many turns with tool calls, the last of them answered."""
    dice = random.Random(seed)
    made = Session(f"{seed:08x}-0000-4000-8000-000000000000", START_MS + seed * 7_200_000)
    for _ in range(turns):
        made.user(opening(dice) if made.turns else request(dice))
        work(dice, made, result_chars)
        made.wait(dice.randrange(1_000, 40_000))
    return made


def work(dice: random.Random, made: Session, result_chars: int) -> None:
    """Append what the assistant does about the last message."""
    rounds = dice.randrange(1, 4)
    failing = dice.random() < 0.25
    for number in range(rounds):
        tool = dice.choice(TOOLS)
        arguments = {"command": f"do {dice.randrange(10_000)}", "path": f"note-{number}.txt"}
        (call_id,) = made.assistant("On it.", ((tool, arguments),))
        bad = failing and number == rounds - 1
        made.result(
            call_id,
            tool,
            "no such file" if bad else prose(dice, result_chars),
            exit_code=(1 if bad else 0) if tool == "exec" else None,
        )
    made.assistant("Something went wrong." if failing else f"Done: {prose(dice, 60)}")
    made.turns += 1


def request(dice: random.Random) -> str:
    """Return a request; one in five has been asked before in so many words."""
    words = dice.choice(REQUESTS)
    return words if dice.random() < 0.2 else f"{words} (for {prose(dice, 30)})"


def opening(dice: random.Random) -> str:
    """Return what the user says next: a new request, thanks, or a complaint."""
    kind = dice.random()
    if kind < 0.15:
        return f"{dice.choice(THANKS)} {request(dice)}"
    if kind < 0.3:
        return f"{dice.choice(COMPLAINTS)}. {request(dice)}"
    return request(dice)


def prose(dice: random.Random, chars: int) -> str:
    """Return words of about that length."""
    words: list[str] = []
    length = 0
    while length < chars:
        words.append(dice.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)


def write_sessions(
    state_dir: Path, seeds: Iterator[int] | range, turns: int, *, result_chars: int = 400
) -> int:
    """Write sessions below a state directory; return how many turns there are to be found."""
    folder = state_dir / "agents" / "main" / "sessions"
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    for seed in seeds:
        made = session(seed, turns, result_chars=result_chars)
        (folder / f"{made.id}.jsonl").write_bytes(made.data)
        total += made.turns
    return total


def iso(epoch_ms: int) -> str:
    """Return a time as JavaScript's toISOString writes it."""
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{epoch_ms % 1000:03d}Z"


def hash_id(session_id: str, number: int) -> str:
    """Return an entry id of eight hexadecimal digits."""
    return f"{random.Random(f'{session_id}/{number}').getrandbits(32):08x}"
