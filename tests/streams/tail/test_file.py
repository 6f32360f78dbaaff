from __future__ import annotations

import itertools
import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.tail.chain import Chain, pack, unpack
from streams.tail.checkpoint import Checkpoint
from streams.tail.file import Doubt, FollowedFile, Moved, doubt
from streams.tail.markers import ABANDONED, ENDED, QUIET, Marker, due
from streams.tail.signature import Signature
from streams.tail.transcript import assign
from tests.streams.tail.world import lines

SEEN = Signature(device=1, inode=2, size=100, modified=5, changed=5)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (SEEN, Doubt.TAIL),
        (SEEN._replace(size=120, modified=6), Doubt.TAIL),
        (SEEN._replace(modified=6), Doubt.WHOLE),
        (SEEN._replace(changed=6), Doubt.WHOLE),
        (SEEN._replace(size=80), Doubt.WHOLE),
        (SEEN._replace(size=120, inode=3), Doubt.WHOLE),
        (SEEN._replace(device=3), Doubt.WHOLE),
    ],
)
def test_how_much_is_checked_follows_from_what_changed(now: Signature, expected: Doubt) -> None:
    assert doubt(SEEN, now) is expected
    assert doubt(None, now) is Doubt.WHOLE


def chain_of(data: list[bytes], stops: set[int], segment_bytes: int) -> Chain:
    chain = Chain(segment_bytes=segment_bytes)
    content = b"".join(data)
    hasher = chain.hasher(reader(content))
    assert hasher is not None
    offset = 0
    for number, line in enumerate(data):
        hasher = chain.before_line(hasher, offset)
        hasher.update(line)
        offset += len(line)
        if number in stops:
            chain.stop(hasher, offset)
    chain.stop(hasher, offset)
    return chain


def reader(content: bytes):  # type: ignore[no-untyped-def]
    return lambda size, at: content[at : at + size]


LINES = st.lists(st.binary(min_size=1, max_size=9).map(lambda line: line + b"\n"), max_size=30)


@given(LINES, st.sets(st.integers(0, 29)), st.integers(1, 40), st.data())
def test_a_cut_chain_holds_and_ends_before_the_first_difference(
    data: list[bytes], stops: set[int], segment_bytes: int, draw: st.DataObject
) -> None:
    chain = chain_of(data, stops, segment_bytes)
    content = b"".join(data)
    assert chain.offset == len(content)
    assert chain.holds(reader(content))
    at = draw.draw(st.integers(0, len(content)))
    changed = content[:at] + draw.draw(st.binary(max_size=20))
    pairs = itertools.zip_longest(content, changed)
    same = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    restored = Chain(chain.segments(0), unpack(pack(chain.stops)), segment_bytes=segment_bytes)
    for one in (chain, restored):
        one.cut(reader(changed))
        assert one.offset <= same
        assert one.offset == 0 or content[one.offset - 1 : one.offset] == b"\n"
        assert one.holds(reader(changed))
        assert one.hasher(reader(changed)) is not None


def test_a_file_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(1, 2, 3))
    reading = os.pread
    once = [True]

    def pread(descriptor: int, size: int, at: int) -> bytes:
        data = reading(descriptor, size, at)
        if once:
            once.clear()
            path.write_bytes(lines(4, 5, 6, 7))
        return data

    monkeypatch.setattr("streams.tail.file.os.pread", pread)
    file = FollowedFile(str(path), Chain())
    result = path.stat()
    got = file.read((result.st_dev, result.st_ino), slice_bytes=10**6, max_line=10**6)
    assert b"".join(line.data + b"\n" for line in got) == lines(4, 5, 6, 7)


def test_an_error_while_reading_leaves_the_file_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(*range(20)))
    result = path.stat()
    identity = (result.st_dev, result.st_ino)
    file = FollowedFile(str(path), Chain(segment_bytes=50))
    reading = os.pread

    def broken(descriptor: int, size: int, at: int) -> bytes:
        if at > 100:
            raise OSError(5, "Input/output error")
        return reading(descriptor, min(size, 64), at)

    with monkeypatch.context() as patch:
        patch.setattr("streams.tail.file.os.pread", broken)
        with pytest.raises(OSError, match="Input/output"):
            file.read(identity, slice_bytes=10**6, max_line=10**6)
    assert file.offset == 0
    assert len(file.read(identity, slice_bytes=10**6, max_line=10**6)) == 20


def test_another_file_at_the_path_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(1))
    with pytest.raises(Moved):
        FollowedFile(str(path), Chain()).read((0, 0), slice_bytes=10, max_line=10)


@pytest.mark.parametrize(
    ("seen", "known", "expected"),
    [
        ({"a": (1, 1)}, [], {"a": None}),
        ({"a": (1, 1)}, [("a", (1, 1))], {"a": 0}),
        ({"a.reset": (1, 1), "a": (1, 2)}, [("a", (1, 1))], {"a.reset": 0, "a": None}),
        ({"a": (1, 2)}, [("a", (1, 1))], {"a": 0}),
        ({"a": (1, 1), "b": (1, 1)}, [("b", (1, 1))], {"b": 0}),
        ({"a": (1, 1)}, [("b", (1, 1)), ("a", (1, 1))], {"a": 1}),
        ({"a": (1, 9), "b": (1, 2)}, [("a", (1, 2)), ("b", (1, 9))], {"a": 1, "b": 0}),
    ],
)
def test_a_file_is_known_by_its_inode_and_else_by_its_name(
    seen: dict[str, tuple[int, int]],
    known: list[tuple[str, tuple[int, int] | None]],
    expected: dict[str, int | None],
) -> None:
    assert assign(seen, known) == expected


@pytest.mark.parametrize(
    ("given_", "markers", "wait"),
    [
        ({"idle": 59}, [], 1),
        ({"idle": 61}, [Marker(QUIET, "quiet", 60)], 539),
        (
            {"idle": 600},
            [Marker(QUIET, "quiet", 60), Marker(ABANDONED, "quiet", 600)],
            math.inf,
        ),
        ({"idle": 61, "marked": QUIET}, [], 539),
        ({"idle": 601, "marked": ABANDONED}, [], math.inf),
        ({"idle": 601, "last": False}, [], math.inf),
        ({"idle": 601, "empty": True}, [], math.inf),
        ({"idle": 0, "ends": True}, [Marker(ENDED, "ended")], math.inf),
        ({"idle": 0, "ends": True, "last": False}, [Marker(ENDED, "ended")], math.inf),
        ({"idle": 0, "ends": True, "marked": ENDED}, [], math.inf),
    ],
)
def test_markers_are_due_by_how_long_a_file_has_not_grown(
    given_: dict[str, object], markers: list[Marker], wait: float
) -> None:
    case = {"ends": False, "last": True, "empty": False, "marked": 0, "quiet": 60, **given_}
    assert due(**case, abandoned=600) == (markers, wait)  # type: ignore[arg-type]


def checkpoint(kept: int, *ends: int) -> Checkpoint:
    return Checkpoint(
        id=1,
        root="/r",
        agent="a",
        name="n",
        signature=None,
        at_end=False,
        settled=False,
        grown=0.0,
        marked=0,
        gone=None,
        stops=(),
        kept=kept,
        segments=tuple((end, bytes(16)) for end in ends),
    )


@pytest.mark.parametrize(
    ("first", "then", "both"),
    [
        (checkpoint(2, 30, 40), checkpoint(4, 50), checkpoint(2, 30, 40, 50)),
        (checkpoint(2, 30, 40), checkpoint(3, 45), checkpoint(2, 30, 45)),
        (checkpoint(2, 30, 40), checkpoint(1, 20), checkpoint(1, 20)),
    ],
)
def test_two_checkpoints_make_one(first: Checkpoint, then: Checkpoint, both: Checkpoint) -> None:
    assert then.after(first) == both
