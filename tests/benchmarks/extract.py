"""Extraction in entries a second on one core, beside a loop that only parses the same bytes."""

from __future__ import annotations

import random
import sys
import time
from typing import Any

import orjson

from agents.extract import Extractor
from schemas import Entry, Origin, Turn, line_id
from schemas.table import MemoryTable

ENTRIES = 20_000
ROUNDS = 3
"""The best of these counts: the first one also grows the process's memory."""
WORDS = [*"abcdefghij", "the", "build", "runs", "and", "tests", "pass", "while", "lazy", "dogs"]


def prose(chance: random.Random, chars: int) -> str:
    """Return about `chars` characters of text with the line ends and quotes that logs have."""
    words: list[str] = []
    length = 0
    while length < chars:
        word = chance.choice(WORDS)
        words.append(
            word + ("\n" if chance.random() < 0.1 else '"' if chance.random() < 0.05 else "")
        )
        length += len(word) + 1
    return " ".join(words)


def session(entries: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return one session's entries: four tool calls a turn, 5 KB an entry on average."""
    chance = random.Random(seed)
    texts = [prose(chance, size) for size in (300, 800, 2_000, 6_000, 16_000) for _ in range(8)]
    lines: list[dict[str, Any]] = [
        {"type": "session", "version": 3, "id": "bench", "timestamp": "2026-01-01T00:00:00.000Z"}
    ]
    parent: str | None = None
    ms = 1_767_225_600_000

    def add(message: dict[str, Any]) -> None:
        nonlocal parent, ms
        ms += 900
        name = f"{len(lines):08x}"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms / 1000)) + f".{ms % 1000:03d}Z"
        entry = {"type": "message", "id": name, "parentId": parent, "timestamp": stamp}
        lines.append({**entry, "message": {**message, "timestamp": ms - 10}})
        parent = name

    while len(lines) < entries:
        add({"role": "user", "content": [{"type": "text", "text": chance.choice(texts[:8])}]})
        for step in range(5):
            calls = (
                [
                    {
                        "type": "toolCall",
                        "id": f"call_{len(lines)}",
                        "name": "exec",
                        "arguments": {"command": chance.choice(texts[:16])},
                    }
                ]
                if step < 4
                else []
            )
            add(
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": chance.choice(texts[8:24])},
                        {"type": "text", "text": chance.choice(texts[:16])},
                        *calls,
                    ],
                    "api": "openai-completions",
                    "provider": "local",
                    "model": "bench",
                    "usage": {
                        "input": 9000,
                        "output": 300,
                        "cacheRead": 0,
                        "cacheWrite": 0,
                        "totalTokens": 9300,
                        "cost": {"input": 0, "output": 0, "total": 0},
                    },
                    "stopReason": "toolUse" if calls else "stop",
                }
            )
            if calls:
                output = chance.choice(texts[16:40])
                add(
                    {
                        "role": "toolResult",
                        "toolCallId": calls[0]["id"],
                        "toolName": "exec",
                        "content": [{"type": "text", "text": output}],
                        "details": {"status": "completed", "exitCode": 0, "durationMs": 5},
                        "isError": False,
                    }
                )
    return lines[:entries]


def records(lines: list[dict[str, Any]]) -> list[bytes]:
    """Return the `entries` records of a session."""
    found: list[bytes] = []
    offset = 0
    for line in lines:
        raw = orjson.dumps(line)
        origin = Origin(agent="main", session="bench", file="bench.jsonl", inode=1, offset=offset)
        offset += len(raw) + 1
        entry = Entry(id=line_id("bench", raw), kind="line", origin=origin, entry=line)
        found.append(entry.to_bytes())
    return found


def measure(values: list[bytes]) -> tuple[float, float, float, int]:
    """Return the seconds of parsing alone, of extraction, of writing what was extracted as JSON,
    and the number of turns."""
    began = time.process_time()
    for value in values:
        orjson.loads(value)
    plain = time.process_time() - began
    extractor, table = Extractor(), MemoryTable()
    written = 0.0
    turns = 0
    began = time.process_time()
    for value in values:
        for found in extractor.apply_record(orjson.loads(value), table):
            write = time.process_time()
            found.to_bytes()
            written += time.process_time() - write
            turns += isinstance(found, Turn)
    return plain, time.process_time() - began - written, written, turns


def main() -> None:
    """Print the numbers."""
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    values = records(session(entries))
    size = sum(map(len, values))
    rounds = [measure(values) for _ in range(ROUNDS)]
    plain, took, written = (min(one[at] for one in rounds) for at in range(3))
    turns = rounds[0][3]
    print(f"{entries} entries, {size / entries:.0f} bytes each, {turns} turns")
    print(f"orjson.loads alone  {entries / plain:10,.0f} entries/s {size / plain / 1e6:8.0f} MB/s")
    print(f"extraction          {entries / took:10,.0f} entries/s {size / took / 1e6:8.0f} MB/s")
    took += written
    print(f"and turns to JSON   {entries / took:10,.0f} entries/s {size / took / 1e6:8.0f} MB/s")


if __name__ == "__main__":
    main()
