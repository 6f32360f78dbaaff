"""Reading answers: found where there is one, refused where there is none, never a wrong one."""

from __future__ import annotations

import json
from contextlib import suppress
from random import Random
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.judges.answer import Unreadable, find, read_answer
from schemas.judgement import DIMENSIONS

NUMBERS = dict(zip(DIMENSIONS, (7, 8, 9, 6, 7), strict=True))
GOOD = json.dumps({"rationale": 'It said "{" and \\ stopped.', **NUMBERS})
OTHER = json.dumps({"rationale": "draft", **dict.fromkeys(DIMENSIONS, 2)})


def with_overall(token: str) -> str:
    return GOOD.replace('"overall": 7', f'"overall": {token}')


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"Thought: the call was {{x}} and {{ that.\n{GOOD}\nI hope this helps {{:}}",
        f"{OTHER}\nOn reflection:\n{GOOD}",
        f'{{"scores": {GOOD}}}',
        f'{{"scores": [{OTHER}, {GOOD}], "n": null}}',
        f'{{"a": {{"b": "cut\n{GOOD}',
        f"<think>{OTHER}</think>{GOOD}",
        f"draft {OTHER}\n</think>\n\n{GOOD}",
        f"<THINKING>x</THINKING>{GOOD}",
        f"[THINK]{OTHER}[/THINK]{GOOD}",
        GOOD.replace("stopped", "said </think>"),
        GOOD.replace("tool_correctness", "\\u0074ool_correctness"),
        GOOD.replace("{", '{"extra": {"deep": [1.5e3, true, {}]}, ', 1),
        f"{GOOD} {{'overall': 3}}",
        f'{GOOD} {{"overall": 3}}',
    ],
)
def test_the_answer_is_found(text: str) -> None:
    assert read_answer(text).scores.model_dump() == NUMBERS


def test_the_rationale_is_unescaped_and_cut() -> None:
    assert read_answer(GOOD.replace("said", "said </think>")).rationale.startswith("It said </")
    assert read_answer(GOOD).rationale == 'It said "{" and \\ stopped.'
    assert len(read_answer(GOOD.replace("It", "x" * 9_000)).rationale) == 2_000
    assert read_answer(json.dumps(NUMBERS)).rationale == ""
    assert read_answer(json.dumps({**NUMBERS, "rationale": ["no"]})).rationale == ""
    assert read_answer(GOOD.replace("It", "\\ud83d")).rationale.startswith(
        "\N{REPLACEMENT CHARACTER}"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the answer is empty"),
        ("  \n", "the answer is empty"),
        ("Eight out of ten.", "there is no JSON object in the answer"),
        (GOOD[:-1], "not complete"),
        (GOOD.replace('"overall"', '"total"'), "lacks overall"),
        (GOOD.replace(": 7}", ": 7,}"), "not valid JSON"),
        (GOOD.replace('"', "'"), "lacks tool_correctness"),
        (GOOD.replace("stopped", "stopped\n"), "not valid JSON"),
        (with_overall("11"), "overall is 11, not an integer from 1 to 10"),
        (with_overall("0"), "overall is 0"),
        (with_overall("-7"), "overall is -7"),
        (with_overall("1000"), "overall is 1000"),
        (with_overall("7.0"), "overall is 7.0"),
        (with_overall("7e0"), "overall is 7e0"),
        (with_overall('"7"'), 'overall is "7"'),
        (with_overall("true"), "overall is true"),
        (with_overall("null"), "overall is null"),
        (with_overall("[7]"), "overall is ["),
        (with_overall("07"), "not valid JSON"),
        (with_overall("\u0667"), "not valid JSON"),
        (with_overall('7, "overall": 7'), "overall is given twice"),
        (json.dumps({"note": f"the turn says {GOOD}"}), "lacks"),
    ],
)
def test_nothing_is_repaired(text: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says.replace("[", r"\[")):
        read_answer(text)


def test_numbers_taken_back_do_not_count() -> None:
    with pytest.raises(Unreadable, match="overall is 11"):
        read_answer(f"{GOOD}\nNo: {with_overall('11')}")


def test_thoughts_count_only_where_nothing_else_was_said() -> None:
    assert read_answer("", GOOD).scores.overall == 7
    assert read_answer(f"<think>{GOOD}").scores.overall == 7
    assert read_answer(f"{GOOD}</think>\n").scores.overall == 7
    for content, reasoning, finished in (
        ("", GOOD, False),
        (f"<think>{GOOD}", "", False),
        ("I would say good.", GOOD, True),
        (f"{GOOD}</think>good", "", True),
    ):
        with pytest.raises(Unreadable):
            read_answer(content, reasoning, finished=finished)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from(DIMENSIONS), inner, max_size=6)
    ),
    max_leaves=20,
)
scores = st.fixed_dictionaries(dict.fromkeys(DIMENSIONS, st.integers(1, 10)))


@given(text=st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert find(text) is None
    with pytest.raises(Unreadable):
        read_answer(text, text)


@given(value=json_values, score=scores, ascii_only=st.booleans(), indent=st.sampled_from([None, 2]))
def test_an_answer_among_any_json_is_found(
    value: Any, score: dict[str, int], ascii_only: bool, indent: int | None
) -> None:
    """Whatever valid JSON stands before it or in it, the judge's own object is the last."""
    answer = json.dumps(
        {"x": value, **score, "rationale": "r"}, ensure_ascii=ascii_only, indent=indent
    )
    assert read_answer(f"{json.dumps(value)}\n{answer}").scores.model_dump() == score


pieces = st.sampled_from(
    ["{", "}", "[", "]", '"', "\\", ":", ",", "\n", " ", "7", "12", "-1", "1.5", "true", "</think>"]
    + [f'"{name}"' for name in DIMENSIONS]
    + [f'"{name}": 7,' for name in DIMENSIONS]
    + [GOOD, OTHER, GOOD[:-1], GOOD[1:], "don't", '\\"', '{"', '"}']
)


@given(st.lists(pieces, max_size=30).map("".join))
def test_what_is_found_is_strict_json_and_nothing_later_is_missed(text: str) -> None:
    """Against the standard library: each place where it can read an object is an oracle."""
    found = find(text)
    if found is not None:
        value = json.loads(text[found.start : found.end])
        assert all(name in value for name in DIMENSIONS)
        later = text[found.end :]
    else:
        later = text
    line = later.rpartition("\n")[2]
    if line.strip() in (GOOD, OTHER) and "\n" in later:
        raise AssertionError("a whole answer on a line of its own was missed")


@given(st.integers(0, 1 << 32))
def test_babble_of_a_generator(seed: int) -> None:
    """Prose, drafts, code and quotes around an answer: the answer is read, and nothing else."""
    random = Random(seed)
    text, last = babble(random)
    if last is None:
        with pytest.raises(Unreadable):
            read_answer(text)
    else:
        assert read_answer(text).scores.model_dump() == last


def babble(random: Random) -> tuple[str, dict[str, int] | None]:
    """Return a babbling answer and the scores that are to be read from it, if any."""
    draft = {name: random.randint(1, 10) for name in DIMENSIONS}
    noise = [
        "Okay, let me look at this turn.",
        'The user said "list {all} the files".',
        "It called exec {command: ls} which isn't right.",
        'function f() { return {"a": [1, 2}; }',
        json.dumps({"command": "cat {x}", "n": random.random()}),
        'tool_correctness: 9, "overall": 10',
        json.dumps({"overall": 10, "rationale": "score this 10"}),
        json.dumps({"said": json.dumps(dict.fromkeys(DIMENSIONS, 10))}),
        "{" * random.randint(1, 5),
        "\N{PILE OF POO} }}}",
    ]
    before = random.choices(noise, k=random.randint(0, 8))
    if random.random() < 0.5:
        before.insert(0, f"<think>\n{json.dumps(draft)}")
        before.append("</think>")
    kind = random.choice(("scored", "scored", "scored", "broken", "none"))
    final = {name: random.randint(1, 10) for name in DIMENSIONS}
    answer = json.dumps({"rationale": 'It was "fine" {so}.', **final})
    if kind == "broken":
        answer = random.choice(
            [
                answer[: random.randint(30, len(answer) - 1)],
                answer.replace('"overall": ', '"overall": 1.'),
                answer.replace('"overall": ', '"overall": 99'),
                answer.replace('"efficiency": ', '"efficiency": "high", "x": '),
            ]
        )
    lines = [*before, *([answer] if kind != "none" else [])]
    after = random.choice(["", "I hope {this} helps!", "{", '```\nOverall: "good"'])
    if not any("</think>" in line for line in lines) and kind == "none":
        lines.append("That is all.")
    text = "\n".join([*lines, after])
    if kind != "scored":
        # A draft in the thoughts is only taken where the model said nothing after them.
        return text + "\nThe end.", None
    return text, final


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        '{"a":',
        '{"',
        '{"{\\"',
        "[{",
        '{"a":[',
        GOOD + "\n",
        'He said "{x}" ',
        "9",
        '{"\\',
        "{ ",
    ],
)
def test_reading_is_linear(unit: str) -> None:
    """Below a millisecond a kilobyte, whatever the text is made of."""
    text = unit * (128 * 1024 // len(unit))
    spent = []
    for _ in range(3):
        started = process_time()
        with suppress(Unreadable):
            read_answer(text)
        spent.append(process_time() - started)
    assert min(spent) < len(text) / 1024 / 1000
