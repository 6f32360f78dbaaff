from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from agents.judges.calibration.answers import Identity
from agents.judges.calibration.calibrate import calibrate
from agents.judges.calibration.labelled import LabelledSet
from agents.judges.calibration.measure import measure
from agents.judges.calibration.report import words
from agents.judges.calibration.result import Agreement, Decision, Result


class Tags(HTMLParser):
    """Collects what a page refers to, and complains of a tag that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in {"meta", "img", "link", "br"}:
            self.open.append(tag)
        if given.get("src"):
            self.sources.append(str(given["src"]))
        if given.get("id"):
            self.ids.add(str(given["id"]))
        if given.get("href"):
            self.links.append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_stands_alone_and_is_well_formed(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    judges = [scripted(rule) for rule in ("sane", "inflating", "babbling")]
    done = await calibrate(judges, labelled, tmp_path, at_ms=1_795_373_629_000)
    page = done.page.read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert len(tags.sources) == 7
    assert all(source.startswith("data:image/png;base64,") for source in tags.sources)
    assert {link.removeprefix("#") for link in tags.links} <= tags.ids
    assert not re.search(r"https?://", page)
    assert "22 November 2026" in page
    assert labelled.fingerprint in page
    for result in done.results:
        for reason in result.decision.reasons:
            assert reason in page


async def test_what_a_server_says_cannot_break_the_page(
    scripted: Any, labelled: LabelledSet, tmp_path: Path
) -> None:
    evil = "<script>alert(1)</script>"
    judge = scripted("sane", model=evil, rule=lambda *_: evil)
    done = await calibrate([judge], labelled, tmp_path, at_ms=0, askings=1)
    page = done.page.read_text()
    assert evil not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("rules", "start"),
    [
        (("sane",), "sane tells junk from good work"),
        (("sane", "strict"), "All 2 judges tell junk from good work"),
        (("inflating",), "inflating has not shown that it can"),
        (("inflating", "guessing"), "None of the 2 judges has shown"),
        (("sane", "strict", "guessing"), "sane and strict may sit on a panel; guessing has not"),
        (("sane", "inflating", "guessing"), "sane may sit on a panel; inflating and guessing have"),
    ],
)
def test_the_first_sentence_says_who_passed(
    rules: tuple[str, ...], start: str, labelled: LabelledSet
) -> None:
    nothing = measure(labelled, [])
    results = [
        Result(
            identity=Identity(judge=rule, model="m", rubric="v1"),
            fingerprint=labelled.fingerprint,
            askings=1,
            at_ms=0,
            metrics=nothing,
            decision=Decision(accepted=rule in {"sane", "strict"}),
        )
        for rule in rules
    ]
    assert words.verdict(results).startswith(start)


@pytest.mark.parametrize(
    ("alpha", "said"),
    [
        (None, "Too few scores"),
        (0.9, "another of them adds little"),
        (0.7, "tentative"),
        (0.5, "broad picture"),
        (0.1, "not yet worth much"),
    ],
)
def test_agreement_is_said_in_words(alpha: float | None, said: str) -> None:
    assert said in words.agreed(Agreement(judges=("a", "b"), alpha=alpha, pairs=()))


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (0.001, "less than 1%"), (0.5, "50%"), (0.999, "more than 99%"), (1, "100%")],
)
def test_nearly_all_is_not_called_all(share: float, said: str) -> None:
    assert words.percent(share) == said
