"""What the fake judge does with a request: a function of the request, so that runs repeat."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from typing import Any, Literal

from schemas.judgement import DIMENSIONS


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. `number` counts from 0; `prompt` is the last user message."""

    number: int
    path: str
    body: Mapping[str, Any]
    prompt: str = ""
    max_tokens: int = 0
    structured: bool = False

    def random(self, seed: int = 0) -> Random:
        """Return a source of chance that depends on the prompt alone."""
        # The prompt's mark is drawn anew in each process; the rest of it is the turn's own.
        steady = re.sub(r"\b[0-9a-f]{20}\b", "", self.prompt).encode("utf-8", "replace")
        digest = blake2b(steady, key=seed.to_bytes(8, "big", signed=True)).digest()
        return Random(digest)


@dataclass(frozen=True, slots=True)
class Act:
    """What is answered, after `seconds` of inference.

    `hang` never answers, `drop` closes the connection instead. `body` is sent as it is in place of
    a well-formed one. A `status` other than 200 sends `content` as the error's message.
    """

    content: str = ""
    reasoning: str = ""
    finish: Literal["stop", "length", "content_filter"] = "stop"
    seconds: float = 0.0
    status: int = 200
    retry_after: float | None = None
    body: bytes | None = None
    hang: bool = False
    drop: bool = False
    tokens_in: int | None = None


Script = Callable[[Asked], Act]


def plausible(asked: Asked) -> Act:
    """Score by the failures that the prompt shows, with a little chance; a stand-in, no opinion.

    Of two answers it prefers neither.
    """
    if "\nFIRST ANSWER\n" in asked.prompt:
        return Act(content=json.dumps({"rationale": "A fake judge is no judge.", "better": "tie"}))
    chance = asked.random()
    failures = len(
        re.findall(r"answered \([^)]*(?:error|exit code [1-9]|no such|never)", asked.prompt)
    )
    base = 8 - 3 * failures - 3 * ("WHAT THE USER WROTE NEXT\n| No" in asked.prompt)
    scores = {name: min(10, max(1, base + chance.choice((-1, 0, 0, 1)))) for name in DIMENSIONS}
    rationale = f"A fake judge saw {failures} failures."
    return Act(content=json.dumps({"rationale": rationale, **scores}))


def _bleeding(asked: Asked) -> Act:
    good = plausible(asked).content
    draft = good.replace("A fake", "Draft: a fake")
    return Act(content=f"<think>Is {{x}} fine? {draft} No, wait.</think>\n```json\n{good}\n```")


def _unopened(asked: Asked) -> Act:
    return Act(content=f'The user said "{{". Hm.\n</think>\n\n{plausible(asked).content}')


def _misplaced(asked: Asked) -> Act:
    return Act(reasoning=f"Let me see.\n{plausible(asked).content}")


def _cut(asked: Asked) -> Act:
    if asked.max_tokens >= 8_192:
        return plausible(asked)
    return Act(content=plausible(asked).content[:40], finish="length")


FAULTS: dict[str, Script] = {
    "hang": lambda _: Act(hang=True),
    "busy": lambda _: Act("server busy, maximum pending requests exceeded", status=503),
    "error": lambda _: Act("model runner has unexpectedly stopped", status=500),
    "drop": lambda _: Act(drop=True),
    "malformed": lambda _: Act(body=b"<html>It works!</html>"),
    "thinking": _bleeding,
    "unopened": _unopened,
    "misplaced": _misplaced,
    "cut": _cut,
    "babble": lambda _: Act("I would say that {this} turn is an 8 out of 10, overall: good."),
    "inflated": lambda a: Act(plausible(a).content.replace('"overall": ', '"overall": 1')),
    "refuse": lambda _: Act("I'm sorry, but I can't help with that.", finish="content_filter"),
    "empty": lambda _: Act(""),
}
"""Named ways to go wrong, as they were seen of real servers and models."""


@dataclass(frozen=True, slots=True)
class Mix:
    """A script of chances: each turn gets a fault by its share, the same one in every run.

    `seconds` is the median of the inference time, `spread` the sigma of its log-normal
    distribution (0: always the same).
    """

    faults: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    spread: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.faults:
            if name not in FAULTS:
                raise ValueError(f"there is no fault {name!r}; there are: {', '.join(FAULTS)}")
        if sum(self.faults.values()) > 1:
            raise ValueError("the shares of the faults add up to more than 1")

    def __call__(self, asked: Asked) -> Act:
        """Return what is done with this request."""
        chance = asked.random(self.seed)
        act: Script = plausible
        drawn = chance.random()
        for name, share in self.faults.items():
            if drawn < share:
                act = FAULTS[name]
                break
            drawn -= share
        seconds = self.seconds * chance.lognormvariate(0.0, self.spread)
        return replace(act(asked), seconds=seconds)
