"""``--where``: which turns, as an expression over what is known of each.

    expression   = all { "or" all }
    all          = term { "and" term }
    term         = "not" term | "(" expression ")" | FIELD OP VALUE
    OP           = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
    VALUE        = a number, true, false, a bare word, or text in single or double quotes

``~`` asks whether a text contains another, upper and lower case alike, or a list has a member.
A field that a turn does not have (a verdict that has not come) meets no comparison but ``!=``.
Nothing is ever evaluated as code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool]
Value = str | float | bool

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*')|(?P<op><=|>=|!=|==|[=<>~()])|(?P<word>[^\s=<>~()!"']+))"""
)
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPS = ("=", "==", "!=", "~", *_ORDER)


class WhereError(ValueError):
    """The expression can't be read. One line that says where and what is expected."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def parse(text: str, fields: Mapping[str, type]) -> tuple[Test, frozenset[str]]:
    """Return the test that an expression describes, and the fields it looks at.

    Args:
        text: the expression.
        fields: what may be asked, each with the type of its values: `str`, `float`, `bool` or
            `list` (of text).

    Raises:
        WhereError: it is no expression, or asks what can't be asked.
    """
    parser = _Parser(text, fields)
    test = parser.expression()
    parser.end()
    return test, frozenset(parser.used)


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, type]) -> None:
        self._text = text
        self._fields = fields
        self._tokens = _tokens(text)
        self._next = 0
        self.used: set[str] = set()

    def expression(self) -> Test:
        tests = [self._all()]
        while self._word("or"):
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda facts: any(test(facts) for test in tests)

    def end(self) -> None:
        if self._next < len(self._tokens):
            raise self._error("expected `and`, `or` or the end")

    def _all(self) -> Test:
        tests = [self._term()]
        while self._word("and"):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda facts: all(test(facts) for test in tests)

    def _term(self) -> Test:
        if self._word("not"):
            test = self._term()
            return lambda facts: not test(facts)
        if self._op("("):
            test = self.expression()
            if not self._op(")"):
                raise self._error("expected `)`")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        field = self._take("word", "expected a field")
        kind = self._fields.get(field.text)
        if kind is None:
            known = ", ".join(self._fields)
            raise WhereError(f"--where: there is no field {field.text!r}; there are: {known}")
        op = self._take("op", f"expected one of {' '.join(_OPS)} behind {field.text!r}")
        if op.text not in _OPS:
            raise WhereError(
                f"--where: expected one of {' '.join(_OPS)} at {self._text[op.at :]!r}"
            )
        value = self._take("value", f"expected a value behind {field.text} {op.text}")
        self.used.add(field.text)
        return _compare(field.text, kind, "=" if op.text == "==" else op.text, value)

    def _word(self, word: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "word" or token.text.lower() != word:
            return False
        self._next += 1
        return True

    def _op(self, op: str) -> bool:
        token = self._peek()
        if token is None or token.kind != "op" or token.text != op:
            return False
        self._next += 1
        return True

    def _take(self, kind: str, expected: str) -> _Token:
        token = self._peek()
        kinds = ("word", "quoted") if kind == "value" else (kind,)
        if token is None or token.kind not in kinds:
            raise self._error(expected)
        self._next += 1
        return token

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _error(self, expected: str) -> WhereError:
        token = self._peek()
        return WhereError(
            f"--where: {expected} at {self._text[token.at :]!r}"
            if token
            else f"--where: {expected}, and the expression ends"
        )


def _tokens(text: str) -> Sequence[_Token]:
    tokens: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise WhereError(f"--where: can't read {text[at:].strip()!r}")
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return tokens


def _compare(field: str, kind: type, op: str, token: _Token) -> Test:
    value = _value(field, kind, token)
    if op == "~":
        if kind not in (str, list):
            raise WhereError(f"--where: {field} is no text; ~ looks into texts and lists")
        needle = str(value).lower()
        if kind is list:
            return lambda facts: any(needle == str(each).lower() for each in facts[field] or ())
        return lambda facts: needle in str(facts[field] or "").lower()
    if kind is list:
        raise WhereError(f"--where: {field} is a list; ask whether it has a member with ~")
    if op in _ORDER:
        if kind is bool:
            raise WhereError(f"--where: {field} is true or false and has no order")
        compare = _ORDER[op]
        return lambda facts: facts[field] is not None and compare(facts[field], value)
    if op == "=":
        return lambda facts: facts[field] is not None and facts[field] == value
    return lambda facts: facts[field] is None or facts[field] != value


def _value(field: str, kind: type, token: _Token) -> Value:
    text = token.text[1:-1] if token.kind == "quoted" else token.text
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise WhereError(f"--where: {field} is a number, and {text!r} is none") from None
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise WhereError(f"--where: {field} is true or false, not {text!r}")
        return text.lower() == "true"
    return text
