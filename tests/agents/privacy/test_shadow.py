from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.privacy.shadow import Unescaped, has_escaped_letters, plain, shadow


@given(st.binary(max_size=60))
def test_a_shadow_is_as_long_as_its_line(line: bytes) -> None:
    assert len(shadow(line)) == len(line)
    assert len(plain(line)) == len(line)


def test_an_escaped_line_feed_is_one() -> None:
    assert shadow(rb'{"a":"x\nkey"}') == b'{"a":"x \nkey"}'
    assert shadow(rb"\\\"name\\\":") == b'   "name   ":'


def test_a_place_in_unescaped_text_is_known_in_the_line() -> None:
    line = rb"ab\u0041c\\u0042\u00e9\u0022z"
    written = Unescaped(line)
    assert written.text == rb"abAcB\u00e9\u0022z"
    at = written.text.index(b"A")
    assert (written.original(at), written.original(at + 1)) == (2, 8)
    assert line[written.original(written.text.index(b"z")) :] == b"z"
    assert has_escaped_letters(line)
    assert not has_escaped_letters(rb"\u00e9 \n")
