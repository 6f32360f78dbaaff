"""From settings to judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agents.judges.factory import base_url, context_tokens, make_judge
from agents.judges.llm import ModelJudge
from agents.judges.signals import SignalsJudge
from schemas.settings import SIGNALS
from schemas.settings import ModelJudge as Settings


def settings(**changes: Any) -> Settings:
    base = {"kind": "openai", "name": "mac", "url": "http://mac:1234", "model": "minimax"}
    return Settings(**{**base, **changes})


def test_the_built_in_judges() -> None:
    for config in SIGNALS:
        judge = make_judge(config)
        assert isinstance(judge, SignalsJudge)
        assert (judge.name, judge.model) == (config.name, f"signals/{config.strict_on}")


def test_a_model_judge_says_what_it_is() -> None:
    judge = make_judge(settings(concurrency=4))
    assert isinstance(judge, ModelJudge)
    assert (judge.name, judge.model, judge.rubric) == ("mac", "minimax", "v1")
    assert judge.concurrency == 4


@pytest.mark.parametrize(
    ("kind", "url", "base"),
    [
        ("openai", "http://mac:1234", "http://mac:1234/v1"),
        ("openai", "http://mac:1234/v1/", "http://mac:1234/v1"),
        ("openai", "https://host/llm/v1?x=1", "https://host/llm/v1"),
        ("ollama", "http://spark1:11434/", "http://spark1:11434"),
        ("ollama", "http://spark1:11434/v1", "http://spark1:11434"),
        ("ollama", "http://spark1:11434/api", "http://spark1:11434"),
    ],
)
def test_where_the_api_begins(kind: str, url: str, base: str) -> None:
    assert base_url(settings(kind=kind, url=url)) == base


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"url": "spark1:11434"}, "judge 'mac': url 'spark1:11434' must be like http://"),
        ({"url": "ftp://spark1"}, "must be like"),
        ({"url": "http://"}, "must be like"),
        ({"url": "http://a:b:c"}, "judge 'mac': url 'http://a:b:c'"),
        ({"rubric": "v0"}, "there is no rubric 'v0'"),
        ({"api_key_file": Path("/no/such/key")}, "judge 'mac': api_key_file /no/such/key: "),
    ],
)
def test_what_cannot_work_is_said_at_once(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        make_judge(settings(**changes))
    assert says in str(caught.value)


async def test_the_key_comes_from_a_setting_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-file\n")
    seen: list[str | None] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"choices": [{"message": {"content": "ready"}}]})

    for changes in ({}, {"api_key": SecretStr("direct")}, {"api_key_file": file}):
        judge = make_judge(settings(**changes), transport=httpx.MockTransport(server))
        assert isinstance(judge, ModelJudge)
        await judge.check()
    assert seen == [None, "Bearer direct", "Bearer from-file"]


def test_the_context_holds_the_longest_prompt_and_answer() -> None:
    config = settings(kind="ollama")
    tokens = context_tokens(config)
    assert tokens % 1024 == 0
    assert tokens >= config.prompt_chars / 3 + config.max_tokens_cap
    assert context_tokens(settings(kind="ollama", context_tokens=8192)) == 8192
