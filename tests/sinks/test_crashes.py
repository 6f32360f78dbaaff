"""Whatever fails or dies in the middle of a flush: whole files meanwhile, the same bytes after."""

from __future__ import annotations

import copy
import errno
import itertools
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Pairs
from schemas.table import MemoryTable
from schemas.turn import Turn
from schemas.verdict import Verdict
from sinks import PairsSink, Sink, SinkError, TurnFiles

Make = Callable[..., Any]
CHILD = Path(__file__).with_name("crash_child.py")
STEPS = ("open", "fchmod", "fsync", "replace")


class Killed(BaseException):
    """Stands for the end of the process: nothing in the sinks may catch it and go on."""


def make_sinks(output: Path) -> tuple[Sink, ...]:
    return (
        TurnFiles(output, "default", "UTC", delay=0),
        PairsSink(output, "default", Pairs(), lambda *_: False, delay=0),
    )


def files(output: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(output)): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def records(make_turn: Make, make_verdict: Make) -> list[tuple[str, bytes]]:
    turns: list[Turn] = []
    verdicts: list[Verdict] = []
    for n in range(60):
        request = f"please look after number {n // 4}"
        turns.append(make_turn(n, request=request, started_ms=1_772_000_000_000 + n * 5_000_000))
        verdicts.append(make_verdict(n, 9 if n % 2 else 2))
        if n % 5 == 0:
            verdicts.append(make_verdict(n, 5, revision=2))
    made = [("turns", turn.to_bytes()) for turn in turns]
    made += [("verdicts", verdict.to_bytes()) for verdict in verdicts]
    random.Random(1).shuffle(made)
    return made


def undisturbed(output: Path, records: list[tuple[str, bytes]]) -> dict[str, bytes]:
    take(output, MemoryTable(), records)
    return files(output)


def take(output: Path, table: MemoryTable, records: list[tuple[str, bytes]]) -> None:
    """Apply records and flush, as a process that has just started."""
    for sink in make_sinks(output):
        for topic, value in records:
            sink.apply(topic, value, table)
        sink.flush(table, everything=True)


def failing(
    step: str, call: int, error: BaseException, *, after: bool = False
) -> Callable[..., Any]:
    """Return `os.<step>` that raises before or after it does its `call`-th work."""
    real = getattr(os, step)
    calls = iter(range(call))

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        fails = next(calls, None) is None
        if fails and not after:
            raise error
        result = real(*args, **kwargs)
        if fails:
            raise error
        return result

    return wrapped


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_death_at_any_step_of_a_flush(
    tmp_path: Path,
    records: list[tuple[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    expected = undisturbed(tmp_path / "plain", records)
    half = len(records) // 2
    died = True
    for call in itertools.count():
        output = tmp_path / f"{call}"
        durable = MemoryTable()
        take(output, durable, records[:half])
        before = files(output)
        with monkeypatch.context() as patch:
            patch.setattr(os, step, failing(step, call, Killed(), after=after))
            try:
                take(output, copy.deepcopy(durable), records[half:])
            except Killed:
                died = True
            else:
                died = False
        for name, content in files(output).items():
            assert content in (before.get(name), expected[name])
        take(output, durable, records[half:])
        assert files(output) == expected
        if not died:
            break
    assert call >= len(expected)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_failed_write_leaves_the_old_file_and_can_be_repeated(
    tmp_path: Path,
    make_turn: Make,
    make_verdict: Make,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
) -> None:
    clock = [0.0]
    sink = TurnFiles(tmp_path, "default", "UTC", delay=0, clock=lambda: clock[0])
    table = MemoryTable()
    sink.apply("turns", make_turn().to_bytes(), table)
    sink.flush(table)
    before = files(tmp_path)
    sink.apply("verdicts", make_verdict().to_bytes(), table)
    with monkeypatch.context() as patch:
        patch.setattr(os, step, failing(step, 0, OSError(number, os.strerror(number))))
        with pytest.raises(SinkError) as caught:
            sink.flush(table)
    assert "\n" not in str(caught.value)
    assert f"{tmp_path}/turns/2026-02-25.jsonl: {os.strerror(number).lower()}" in str(caught.value)
    assert files(tmp_path) == before
    assert sink.flush_in() == 5
    clock[0] += 5
    sink.flush(table)
    assert files(tmp_path) != before
    assert sink.flush_in() is None


def test_one_file_that_fails_does_not_keep_back_the_others(tmp_path: Path, make_turn: Make) -> None:
    sink = TurnFiles(tmp_path, "default", "UTC", delay=0)
    table = MemoryTable()
    for day in range(3):
        turn = make_turn(day, started_ms=1_772_000_000_000 + day * 86_400_000)
        sink.apply("turns", turn.to_bytes(), table)
    (tmp_path / "turns" / "2026-02-26.jsonl").mkdir(parents=True)
    with pytest.raises(SinkError, match=r"can't read .*02-26\.jsonl: is a directory"):
        sink.flush(table, everything=True)
    assert list(files(tmp_path)) == ["turns/2026-02-25.jsonl", "turns/2026-02-27.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_one_line(
    tmp_path: Path, make_turn: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def onto_full_disk(path: Any, flags: int, *args: Any) -> int:
        if str(path).endswith(".tmp"):
            real(path, flags, *args)
            return real("/dev/full", os.O_WRONLY)
        return real(path, flags, *args)

    sink = TurnFiles(tmp_path, "default", "UTC", delay=0)
    table = MemoryTable()
    sink.apply("turns", make_turn(answer="x" * 3_000_000).to_bytes(), table)
    monkeypatch.setattr(os, "open", onto_full_disk)
    with pytest.raises(SinkError, match="no space left on device; free some space"):
        sink.flush(table, everything=True)
    assert files(tmp_path) == {}


def test_what_a_killed_process_left_is_swept_up(tmp_path: Path, make_turn: Make) -> None:
    left = tmp_path / "turns" / ".2020-01-01.jsonl.tmp"
    left.parent.mkdir()
    left.write_text("half a li")
    persons = tmp_path / "turns" / ".notes"
    persons.write_text("mine")
    undisturbed(tmp_path, [("turns", make_turn().to_bytes())])
    assert not left.exists()
    assert persons.exists()


def test_sigkill_at_random_moments(tmp_path: Path, records: list[tuple[str, bytes]]) -> None:
    expected = undisturbed(tmp_path / "plain", records)
    directory = tmp_path / "killed"
    directory.mkdir()
    lines = (json.dumps([topic, value.decode()]) + "\n" for topic, value in records)
    (directory / "records.jsonl").write_text("".join(lines))
    rng = random.Random(7)
    kills = 0
    for _ in range(60):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(directory)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        with child, child.stdout:
            assert child.stdout.readline() == b"ready\n"
            if kills < 8:
                time.sleep(rng.uniform(0, 0.06))
                child.kill()
        kills += child.returncode != 0
        for name, content in files(directory / "out").items():
            if name.endswith(".jsonl"):
                assert content.endswith(b"\n")
                for line in content.splitlines():
                    json.loads(line)
        if child.returncode == 0:
            break
    assert child.returncode == 0
    assert kills >= 3
    assert files(directory / "out") == expected
