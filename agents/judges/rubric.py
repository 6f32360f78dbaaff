"""The rubrics: text files that come with the package, each a version that never changes again."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from schemas.judgement import DIMENSIONS

_SUFFIX = ".md"


def rubrics() -> tuple[str, ...]:
    """Return the versions there are, in order of their names."""
    files = resources.files("agents.judges").joinpath("rubrics").iterdir()
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in files if f.name.endswith(_SUFFIX)))


@cache
def rubric_text(version: str) -> str:
    """Return a rubric's text, the system message of a language model that judges by it.

    Raises:
        ValueError: there is no such version. The message names those there are.
    """
    if version not in rubrics():
        raise ValueError(f"there is no rubric {version!r}; there are: {', '.join(rubrics())}")
    file = resources.files("agents.judges").joinpath("rubrics", version + _SUFFIX)
    return file.read_text(encoding="utf-8").strip()


def answer_schema() -> dict[str, Any]:
    """Return the JSON schema of an answer. The rationale comes first, so that a model that writes
    in this order gives its reasons before its numbers."""
    score = {"type": "integer", "minimum": 1, "maximum": 10}
    return {
        "type": "object",
        "properties": {"rationale": {"type": "string"}, **dict.fromkeys(DIMENSIONS, score)},
        "required": ["rationale", *DIMENSIONS],
        "additionalProperties": False,
    }
