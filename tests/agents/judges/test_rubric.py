"""The rubrics as files: frozen once published, whole, and found where the package is installed."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from hashlib import sha256
from importlib import resources
from pathlib import Path

import pytest

from agents.judges.answer import Unreadable, read_answer
from agents.judges.rubric import answer_schema, rubric_text, rubrics
from schemas.judgement import DIMENSIONS

PUBLISHED = {"v1": "f7af9548b32c5794c1462effaeff68e6d07d8ea5e0d5a2f51609bd834f6b9dbd"}
"""A judgement names its rubric by version; changing a published text would make that a lie.
A better rubric is a new file."""


def test_published_rubrics_never_change() -> None:
    texts = {version: sha256(rubric_text(version).encode()).hexdigest() for version in rubrics()}
    assert texts == PUBLISHED


@pytest.mark.parametrize("version", rubrics())
def test_every_score_of_every_dimension_has_an_anchor(version: str) -> None:
    sections = re.split(r"^# ", rubric_text(version), flags=re.MULTILINE)[1:]
    assert [section.split(":")[0] for section in sections] == list(DIMENSIONS)
    for section in sections:
        anchors = re.findall(r"^(\d+): \S", section, flags=re.MULTILINE)
        assert anchors == [str(score) for score in range(10, 0, -1)]


@pytest.mark.parametrize("version", rubrics())
def test_an_echo_of_the_rubric_is_no_answer(version: str) -> None:
    with pytest.raises(Unreadable):
        read_answer(rubric_text(version))


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"there is no rubric 'v0'; there are: v1"):
        rubric_text("v0")


def test_the_schema_asks_for_what_is_read() -> None:
    schema = answer_schema()
    assert schema["required"] == ["rationale", *DIMENSIONS]
    assert list(schema["properties"]) == ["rationale", *DIMENSIONS]


def test_an_installed_package_has_them_too() -> None:
    """A source tree has every file; a wheel only those that are named as its data."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["agents.judges"]
    folder = resources.files("agents.judges")
    for version in rubrics():
        name = f"rubrics/{version}.md"
        assert any(fnmatch(name, pattern) for pattern in patterns)
        assert folder.joinpath(*name.split("/")).is_file()
