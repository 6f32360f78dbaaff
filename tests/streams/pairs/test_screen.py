"""What is seen of pairs: what differs is coloured, and nothing moves the terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from schemas.pair import ChatMessage, PreferencePair, Side
from streams.pairs.screen import coloured, listed, shown


def marked(text: object) -> str:
    """Return what is coloured in a text."""
    return "".join(text.plain[span.start : span.end] for span in text.spans)  # type: ignore[attr-defined]


def test_only_words_that_differ_are_coloured() -> None:
    left, right = coloured('read {"path": "a.txt"}', 'read {"path": "b.txt"}')
    assert (marked(left), marked(right)) == ("a", "b")


CONTROL = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


def a_pair(text: str) -> PreferencePair:
    prompt = (ChatMessage(role="user", content=text),)
    call = {"id": "1", "type": "function", "function": {"name": text, "arguments": {text: text}}}
    sides = [
        Side(
            turn_id=name,
            messages=(ChatMessage(role="assistant", content=name + text, tool_calls=(call,)),),
            overall=5,
        )
        for name in ("good", "bad")
    ]
    return PreferencePair(
        id="1" * 32,
        strategy="branch",
        evidence=text,
        panel="default",
        prompt=prompt,
        chosen=sides[0],
        rejected=sides[1],
        margin=None,
    )


def printed(what: object, width: int = 80) -> str:
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as found:
        console.print(what)
    return found.get()


def test_a_terminal_is_shown_control_characters_and_obeys_none() -> None:
    pair = a_pair(f"a{CONTROL}\x1b[2J\x1b]0;title\x07z")
    for text in (printed(shown(pair, whole=True), 500), printed(listed([pair], 500), 500)):
        assert set(text) & set(CONTROL) <= {"\n"}
    text = printed(shown(a_pair("a\x1b[2J\x07\r\x7f\x9bb\tc"), whole=True), 500)
    assert "a␛[2J␇␍␡\ufffdb" in text


def test_a_narrow_list_shows_what_was_asked() -> None:
    text = printed(listed([a_pair("is the car charged and ready to go?")], 80))
    assert "is the car charged" in text
    assert "evidence" not in text
    assert max(map(len, text.splitlines())) <= 80


PRINTED = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60)
"""Control characters never reach the terminal."""


@given(PRINTED, PRINTED)
def test_nothing_is_lost(one: str, other: str) -> None:
    left, right = coloured(one, other)
    assert (left.plain, right.plain) == (one, other)
    assert marked(coloured(one, one)[0]) == ""
