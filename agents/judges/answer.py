"""Reading a judge's answer: the last complete object that says it, or the reason there is none.

Nothing is repaired. What the server promised about the format counts for nothing: models think
aloud before, after and around the object, quote the transcript, and are cut off.

One pass, linear in the length of the text: a push-down recogniser of strict JSON (RFC 8259) that
starts at a brace and, where the text stops being JSON, starts over at the next brace behind that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.identity import well_formed
from schemas.judgement import DIMENSIONS, Scores

RATIONALE_CHARS: Final = 2_000
"""A longer rationale is cut; it is for a person to read."""

MAX_DEPTH: Final = 64
"""Nothing that a judge means is nested deeper."""


class Unreadable(ValueError):
    """The text holds no score. One line that says what is missing, fit to be told to the judge."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge said."""

    scores: Scores
    rationale: str


@dataclass(frozen=True, slots=True)
class Found:
    """An object that has all names looked for. `fields` are JSON tokens as they stand in the text,
    `rationale` among them where there is one; `twice` names one that is given more than once."""

    start: int
    end: int
    fields: dict[str, str]
    twice: str = ""


def read_answer(content: str, reasoning: str = "", *, finished: bool = True) -> Answer:
    """Return the scores of an answer; see `last_object` for which.

    Raises:
        Unreadable: there are no five integers from 1 to 10.
    """
    return _validated(last_object(content, reasoning, finished=finished))


def last_object(
    content: str, reasoning: str = "", *, finished: bool = True, names: Sequence[str] = DIMENSIONS
) -> Found:
    """Return the object with all of `names` that a judge's answer comes down to.

    The answer is what stands after the last end of thinking in `content`. Where nothing at all
    does and the server says that the model was `finished`, the thoughts themselves (in `content`
    or in the server's own field for `reasoning`) are read: some servers apply the schema to
    those and leave the content empty.

    Of several complete objects the last counts. If that one breaks the rules, none does: a judge
    that takes what it said back has not said anything.

    Raises:
        Unreadable: there is none.
    """
    thoughts_end = end_of_thoughts(content)
    tail = content[thoughts_end:]
    found = find(tail, names)
    if found is not None:
        return found
    if thoughts_end:
        # The end of thinking may have been quoted inside the object's own rationale.
        found = find(content, names)
        if found is not None and found.end > thoughts_end:
            return found
    if finished and not tail.strip():
        found = found or find(reasoning, names)
        if found is not None:
            return found
    raise Unreadable(_missing(tail, names))


def rationale_of(found: Found) -> str:
    """Return the reasons that an object gives; "" where it gives none."""
    said = found.fields.get(_RATIONALE, '""')
    return well_formed(json.loads(said))[:RATIONALE_CHARS] if said.startswith('"') else ""


def find(text: str, names: Sequence[str] = DIMENSIONS) -> Found | None:
    """Return the last object in `text` with all of `names`, nested ones included."""
    wanted = frozenset(names)
    last: Found | None = None
    start = _START.search(text)
    while start is not None:
        found, resume = _scan(text, start.start(), wanted)
        last = found or last
        start = _START.search(text, resume)
    return last


class _Frame:
    """An object or array that has been opened and not closed."""

    __slots__ = ("fields", "is_object", "key", "start", "twice")

    def __init__(self, start: int, is_object: bool) -> None:
        self.start = start
        self.is_object = is_object
        self.key = ""
        self.fields: dict[str, str] = {}
        self.twice = ""

    def take(self, token: str, wanted: Collection[str]) -> None:
        """Note a value if it is one that counts."""
        if self.key in wanted:
            if self.key in self.fields:
                self.twice = self.key
            self.fields[self.key] = token
        elif self.key == _RATIONALE:
            self.fields[_RATIONALE] = token


_ARRAY = _Frame(0, is_object=False)
_RATIONALE = "rationale"
_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
        (?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
      | (?P<scalar>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null)
      | (?P<mark>[{}\[\]:,])
    )""",
    re.VERBOSE,
)
_START = re.compile(r"""\{(?=[ \t\r\n]*+")""")
_SPACE = re.compile(r"[ \t\r\n]*+")
_KEY, _KEY_OR_END, _COLON, _VALUE, _VALUE_OR_END, _COMMA_OR_END = range(6)


def _scan(text: str, start: int, wanted: Collection[str]) -> tuple[Found | None, int]:
    """Recognise the object at `start`; return the last complete one in it and where to go on.

    Goes on behind the object, or where the text stopped being JSON: whatever was open there
    cannot be valid, because it would contain that place.
    """
    stack = [_Frame(start, is_object=True)]
    expected, at = _KEY_OR_END, start + 1
    last: Found | None = None
    while stack:
        match = _TOKEN.match(text, at)
        if match is None:
            space = _SPACE.match(text, at)
            return last, max(at, space.end() if space else at)
        kind, token = match.lastgroup, match[match.lastgroup or 0]
        frame = stack[-1]
        at = match.end()
        if kind == "mark" and token in "}]":
            closes = expected in (_COMMA_OR_END, _KEY_OR_END, _VALUE_OR_END)
            if not closes or frame.is_object is not (token == "}"):
                return last, at
            stack.pop()
            if frame.is_object and all(name in frame.fields for name in wanted):
                last = Found(frame.start, at, frame.fields, frame.twice)
            expected = _COMMA_OR_END
        elif kind == "mark" and token in "{[":
            if expected not in (_VALUE, _VALUE_OR_END) or len(stack) >= MAX_DEPTH:
                return last, match.start("mark")
            if frame.is_object:
                frame.take(token, wanted)
            stack.append(_Frame(match.start("mark"), is_object=True) if token == "{" else _ARRAY)
            expected = _KEY_OR_END if token == "{" else _VALUE_OR_END
        elif kind == "mark":
            if expected != (_COLON if token == ":" else _COMMA_OR_END):
                return last, at
            expected = _KEY if token == "," and frame.is_object else _VALUE
        elif kind == "string" and expected in (_KEY, _KEY_OR_END):
            frame.key = json.loads(token) if "\\" in token else token[1:-1]
            expected = _COLON
        elif expected in (_VALUE, _VALUE_OR_END):
            if frame.is_object:
                frame.take(token, wanted)
            expected = _COMMA_OR_END
        else:
            return last, match.start(kind or 0)
    return last, at


def _validated(found: Found) -> Answer:
    if found.twice:
        raise Unreadable(f"{found.twice} is given twice")
    numbers = {}
    for name in DIMENSIONS:
        token = found.fields[name]
        if not (token.isascii() and token.isdigit()) or not 1 <= int(token[:3]) <= 10:
            raise Unreadable(f"{name} is {token[:40]}, not an integer from 1 to 10")
        numbers[name] = int(token)
    return Answer(Scores(**numbers), rationale_of(found))


_THOUGHTS_END = re.compile(
    r"</(?:think|thinking|thought|reasoning)>|\[/THINK\]|◁/think▷", re.IGNORECASE
)
_THOUGHTS_START = re.compile(
    r"\s*(?:<(?:think|thinking|thought|reasoning)>|\[THINK\]|◁think▷)", re.IGNORECASE
)


def end_of_thoughts(content: str) -> int:
    """Return where the answer proper begins; some models never write the start of thinking."""
    end = 0
    for match in _THOUGHTS_END.finditer(content):
        end = match.end()
    if not end and _THOUGHTS_START.match(content):
        return len(content)
    return end


def _missing(text: str, names: Sequence[str]) -> str:
    if not text.strip():
        return "the answer is empty"
    if "{" not in text:
        return "there is no JSON object in the answer"
    absent = [name for name in names if f'"{name}"' not in text]
    if absent:
        return f"the JSON object lacks {', '.join(absent)}"
    return "the JSON object is not complete or not valid JSON"
