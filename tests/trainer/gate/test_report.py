"""The page: the verdict, the figures, the answers; and nothing of others gets out of its place."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from schemas.settings import Gate
from tests.support.gatefolder import GOOD, MARK, POOR, make_folder
from trainer.gate.conclude import conclude
from trainer.gate.gather import Asked, Judges, texts
from trainer.gate.job import COMPARED, COMPARISONS, REPORT
from trainer.gate.lines import LineFile, put
from trainer.gate.mustpass import MustPass

CASES = (
    MustPass(name="lamp", prompt="Light!", calls="lamp"),
    MustPass(name="polite", prompt="Hi", not_contains="damn"),
)


def judge(folder: Path, rationale: str = "It does what was asked.") -> None:
    """Have one judge prefer the candidate throughout."""
    said = texts(folder)
    with LineFile(folder / COMPARISONS, Asked) as file:
        for prompt in said.prompts:
            for shown_first, better in (("candidate", "first"), ("incumbent", "second")):
                file.add(
                    Asked.model_validate(
                        {
                            "prompt": prompt.id,
                            "answers": said.mark(prompt.id),
                            "judge": "nemotron",
                            "model": "m",
                            "rubric": "compare-v1",
                            "shown_first": shown_first,
                            "said": better,
                            "rationale": rationale,
                        }
                    )
                )
    told = Judges(fingerprint=MARK, judges=("nemotron",))
    put(folder / COMPARED, told.model_dump_json().encode())


def page(folder: Path) -> str:
    conclude(folder, Gate())
    return (folder / REPORT).read_text(encoding="utf-8")


def test_a_promoted_candidate(tmp_path: Path) -> None:
    make_folder(tmp_path, incumbent=True, must_pass=CASES, must_pass_says=(GOOD, GOOD))
    judge(tmp_path)
    html = page(tmp_path)
    assert "The candidate is better and may serve." in html
    assert html.count('class="badge passed"') == 7
    assert html.count("data:image/png;base64,") == 3
    assert "nemotron" in html
    assert "candidate (now served shown first)" in html
    assert "lamp({&#34;state&#34;: &#34;on&#34;})" in html
    assert not re.search(r'(src|href)="(?!data:)', html)  # it needs no other file


def test_a_refused_candidate(tmp_path: Path) -> None:
    broken = GOOD.replace("lamp", "lampp")
    make_folder(
        tmp_path,
        margin=-3,
        judged=False,
        candidate_says=(broken, f"{POOR} and so on"),
        must_pass=CASES,
        must_pass_says=("damn", GOOD),
    )
    html = page(tmp_path)
    assert "Refused: the candidate has not shown that it is better." in html
    assert "Preferences, against the base: no better than the base" in html
    assert "there is no tool &#39;lampp&#39;" in html
    assert "does not call lamp but nothing" in html
    assert "says &#39;damn&#39;" in html
    assert "Nobody compared the answers" in html
    assert "Nothing of clawback's serves yet" in html


@pytest.mark.parametrize("sessions", [0, 1])
def test_next_to_nothing(tmp_path: Path, sessions: int) -> None:
    make_folder(tmp_path, sessions=sessions, judged=False)
    html = page(tmp_path)
    assert "Refused: there is too little evidence" in html
    assert ("There are none: the snapshot holds no prompt back" in html) is (sessions == 0)


def test_what_models_and_judges_write_stays_text(tmp_path: Path) -> None:
    attack = '<script>alert("x")</script>{{ 7 * 7 }}'
    make_folder(tmp_path, candidate_says=(attack,), incumbent_says=(f"{attack}!",))
    judge(tmp_path, rationale=attack)
    html = page(tmp_path)
    assert "<script" not in html
    assert "{{ 7 * 7 }}" in html
    assert html.count("&lt;script&gt;") > 4


def test_an_installed_package_has_the_template() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["trainer.gate.report"]
    assert any(fnmatch("page.html.j2", pattern) for pattern in patterns)
