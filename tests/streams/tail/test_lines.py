from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Entry, Origin, line_id
from streams.tail.lines import HEAD_BYTES, MAX_DEPTH, Line, Unreadable, clean, parse, split
from streams.tail.records import Records

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def cut(data: bytes, chunk: int, *, offset: int = 0, max_line: int = 10**9) -> list[Line]:
    return list(
        split(
            lambda size, at: data[at : at + size],
            offset,
            chunk=chunk,
            slice_bytes=10**9,
            max_line=max_line,
        )
    )


@given(st.binary().map(lambda data: data.replace(b"x", b"\n")), st.integers(1, 50))
def test_lines_are_the_same_whatever_pieces_they_are_read_in(data: bytes, chunk: int) -> None:
    whole = cut(data, 10**6)
    assert cut(data, chunk) == whole
    assert [line.data for line in whole] == data.split(b"\n")[:-1]
    assert all(data[one.offset : one.offset + one.size] == one.data + b"\n" for one in whole)


def test_a_line_without_its_line_feed_is_not_a_line_yet() -> None:
    assert [line.data for line in cut(b"one\ntw", 2)] == [b"one"]


def test_reading_begins_where_it_is_told_to() -> None:
    assert [line.offset for line in cut(b"one\ntwo\nthree\n", 4, offset=4)] == [4, 8]


def test_a_slice_ends_after_a_line() -> None:
    data = b"aaaa\n" * 100
    got = split(lambda size, at: data[at : at + size], 0, chunk=7, slice_bytes=20, max_line=99)
    assert 4 <= len(list(got)) < 10


def test_of_a_line_too_long_only_its_head_is_kept() -> None:
    data = b"a" * 200_000 + b"\nshort\n"
    long, short = cut(data, 1000, max_line=100_000)
    assert (long.whole, long.size, long.data) == (False, 200_001, b"a" * HEAD_BYTES)
    assert (short.whole, short.offset) == (True, 200_001)


def test_a_carriage_return_and_a_hole_are_no_part_of_a_line() -> None:
    assert clean(Line(10, 9, b'\0\0\0{"a"}\r')) == Line(13, 9, b'{"a"}')


def test_a_line_that_is_json_stays_as_it_is() -> None:
    assert parse(b'{"b": 1.0, "a":"\\u00e4"}') == b'{"b": 1.0, "a":"\\u00e4"}'


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert parse(b'{"a":"x\\ud83e"}') == '{"a":"x\ufffd"}'.encode()


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":',
        b"nothing",
        b"[1]",
        b"3",
        b'{"a":"\xff"}',
        b'{"a":NaN}',
        b'{"a":NaN,"b":"\\ud800"}',
        b'{"a":"\\ud800" ',
        b'{"a":' * 190 + b"1" + b"}" * 190,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":"\\ud800","b":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(line: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(line)


def records() -> Records:
    return Records(source="/s/ü.jsonl", file='a/"ü".jsonl', agent="m", session="s", inode=7)


@given(st.dictionaries(st.text(), JSON), st.integers(0, 2**62))
def test_a_record_is_the_entry_it_stands_for(entry: dict[str, object], offset: int) -> None:
    origin = Origin(agent="m", session="s", file='a/"ü".jsonl', inode=7, offset=offset)
    made = Entry(id="", kind="line", origin=origin, entry=entry)
    text = made.to_bytes().split(b'"entry":', 1)[1].rsplit(b',"quiet_seconds"', 1)[0]
    record = records().of_line(Line(offset, len(text) + 1, text), 10**9)
    assert record is not None
    assert record.key == b"s"
    expected = made.model_copy(update={"id": line_id("s", text)})
    assert Entry.from_bytes(record.value or b"") == expected
    assert record.value == expected.to_bytes()


def test_the_deepest_line_that_is_taken_can_be_read_back() -> None:
    text = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    record = records().of_line(Line(0, len(text) + 1, text), 10**9)
    assert record is not None
    assert Entry.from_bytes(record.value or b"").entry
