"""What has come for a turn, as it lies in the table.

A window is taken out and put back with each judgement, and needs what the judgements say only when
the panel speaks. So its bytes are lines of JSON: the first has what is asked each time, and each
of the others a judgement, which is read when it is needed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson
from pydantic import TypeAdapter

from schemas.judgement import Judgement

_JUDGEMENTS: Final = TypeAdapter(list[Judgement])

_BALLAST: Final = {"raw", "tokens_in", "tokens_out", "latency_ms"}
"""What no verdict carries, and no window either."""


Answer = tuple[str, str, str]
"""A judgement's id, judge and status: what tells whether it is known, and whether the panel can
speak."""


class Window(NamedTuple):
    """A turn's judgements.

    `deadline_ms` is when the window closes, or closed (epoch milliseconds). `revision` is that of
    the last verdict, 0 before the first one; `said` identifies what that verdict said. `lines`
    are the judgements that belong to `answers`, as JSON.
    """

    turn_id: str
    deadline_ms: int
    revision: int = 0
    said: str = ""
    answers: tuple[Answer, ...] = ()
    lines: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, turn_id: str, value: bytes) -> Window:
        """Read what `to_bytes` wrote."""
        head, *lines = value.split(b"\n")
        deadline_ms, revision, said, answers = orjson.loads(head)
        return cls(turn_id, deadline_ms, revision, said, tuple(map(tuple, answers)), tuple(lines))

    def to_bytes(self) -> bytes:
        """Return the window without its turn's id, under which it is kept."""
        head = (self.deadline_ms, self.revision, self.said, self.answers)
        return b"\n".join((orjson.dumps(head), *self.lines))

    def judgements(self) -> dict[str, Judgement]:
        """Return the judgements by id."""
        read = _JUDGEMENTS.validate_json(b"[" + b",".join(self.lines) + b"]")
        return {judgement.id: judgement for judgement in read}

    def with_(self, judgement: Judgement) -> Window:
        """Return the window with a judgement taken in.

        One whose id is there already leaves it as it is, except that a score replaces an
        abstention.
        """
        answers, lines = self.answers, self.lines
        for index, (known, _, status) in enumerate(answers):
            if known == judgement.id:
                if status != "abstained" or judgement.status != "scored":
                    return self
                answers = answers[:index] + answers[index + 1 :]
                lines = lines[:index] + lines[index + 1 :]
                break
        line = judgement.__pydantic_serializer__.to_json(
            judgement, by_alias=True, exclude_defaults=True, exclude=_BALLAST
        )
        return self._replace(
            answers=(*answers, (judgement.id, judgement.judge, judgement.status)),
            lines=(*lines, line),
        )

    def spoken(self, revision: int, said: str) -> Window:
        """Return the window after a verdict."""
        return self._replace(revision=revision, said=said)
