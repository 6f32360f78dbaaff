"""Frames are read as they were written, wherever their bodies stand."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.bulk import frames as module
from sinks.bulk.frames import FrameWriter, SpotReader, frames, heads

HEADS = st.recursive(
    st.none() | st.text() | st.integers(-(2**53), 2**53), lambda inner: st.lists(inner, max_size=3)
)


class Named(NamedTuple):
    name: str
    inner: tuple[int, ...]


@given(written=st.lists(st.tuples(st.sampled_from("ab"), HEADS, st.binary(max_size=50))))
def test_all_comes_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, object, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("frames")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUFFERED_BYTES", 64)
        with FrameWriter(folder) as writer:
            spots = [writer.add(f"{name}/x", head, body) for name, head, body in written]
    for name in "ab":
        here = [(head, body) for file, head, body in written if file == name]
        assert list(frames(folder / name / "x")) == here
        with SpotReader(folder) as reader:
            read = [(head, reader.read(spot)) for head, spot in heads(folder, f"{name}/x")]
        assert read == here
    with SpotReader(folder) as reader:
        assert [reader.read(spot) for spot in spots] == [body for _, _, body in written]


def test_more_files_than_stay_open_are_read(tmp_path: Path) -> None:
    count = 2 * module.OPEN_FILES
    with FrameWriter(tmp_path) as writer:
        spots = [writer.add(str(n), n, b"%d" % n) for n in range(count)]
    with SpotReader(tmp_path) as reader:
        for _ in range(2):
            assert [reader.read(spot) for spot in spots] == [b"%d" % n for n in range(count)]


def test_named_tuples_are_lists(tmp_path: Path) -> None:
    with FrameWriter(tmp_path) as writer:
        writer.add("x", Named("n", (1, 2)))
    assert list(frames(tmp_path / "x")) == [(["n", [1, 2]], b"")]


def test_no_file_has_no_frames(tmp_path: Path) -> None:
    assert list(frames(tmp_path / "none")) == []


def test_what_failed_half_way_leaves_no_last_buffer(tmp_path: Path) -> None:
    def fail() -> None:
        with FrameWriter(tmp_path) as writer:
            writer.add("x", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (tmp_path / "x").exists()
