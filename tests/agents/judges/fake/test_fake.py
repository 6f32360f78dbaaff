"""The fake judge keeps to its script."""

from __future__ import annotations

import asyncio
from time import perf_counter

import httpx
import pytest

from agents.judges.fake import FAULTS, Act, Asked, FakeJudge, Mix, plausible


def asked(prompt: str, number: int = 0) -> Asked:
    return Asked(number=number, path="/api/chat", body={"messages": []}, prompt=prompt)


def body(prompt: str = "turn", model: str = "fake-judge") -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}]}


def test_the_same_prompt_is_answered_the_same_whatever_its_mark() -> None:
    one = f"data {'a' * 20} data"
    other = f"data {'b' * 20} data"
    assert plausible(asked(one)) == plausible(asked(other, 7))
    assert any(plausible(asked(f"{n}")) != plausible(asked(one)) for n in range(20))


def test_failures_in_the_prompt_lower_the_scores() -> None:
    good = plausible(asked("exec answered (exit code 0)"))
    bad = plausible(asked("exec answered (exit code 2)\nread answered (error)"))
    assert '"overall": 2' in bad.content or '"overall": 1' in bad.content or "3" in bad.content
    assert good.content != bad.content


def test_a_mix_keeps_its_shares_and_repeats() -> None:
    mix = Mix({"babble": 0.3, "busy": 0.1}, seconds=0.5, spread=0.4, seed=3)
    acts = [mix(asked(f"turn {n}")) for n in range(2_000)]
    assert acts == [mix(asked(f"turn {n}")) for n in range(2_000)]
    babbled = sum(act.content.startswith("I would say") for act in acts) / len(acts)
    busy = sum(act.status == 503 for act in acts) / len(acts)
    assert babbled == pytest.approx(0.3, abs=0.04)
    assert busy == pytest.approx(0.1, abs=0.03)
    assert sorted(act.seconds for act in acts)[1_000] == pytest.approx(0.5, rel=0.1)


def test_a_mistake_in_a_mix_is_said() -> None:
    with pytest.raises(ValueError, match="no fault 'bable'; there are: hang, busy"):
        Mix({"bable": 0.1})
    with pytest.raises(ValueError, match="more than 1"):
        Mix({"babble": 0.6, "busy": 0.6})


async def test_both_wires_and_their_lists() -> None:
    async with FakeJudge(thinks=True) as fake, httpx.AsyncClient(base_url=fake.url) as http:
        assert fake.url.startswith("http://127.0.0.1:")
        assert (await http.get("/api/tags")).json()["models"][0]["name"] == "fake-judge"
        assert (await http.get("/v1/models")).json()["data"][0]["id"] == "fake-judge"
        shown = await http.post("/api/show", json=body())
        assert shown.json()["capabilities"] == ["completion", "thinking"]
        ollama = (await http.post("/api/chat", json=body())).json()
        openai = (await http.post("/v1/chat/completions", json=body())).json()
        assert ollama["message"]["content"] == openai["choices"][0]["message"]["content"]
        assert (await http.get("/nowhere")).status_code == 404
        assert (await http.post("/api/chat", json=body(model="x"))).status_code == 404


async def test_a_server_without_schemas() -> None:
    async with FakeJudge(takes_schema=False) as fake, httpx.AsyncClient() as http:
        asks = {**body(), "response_format": {"type": "json_schema"}}
        answer = await http.post(f"{fake.url}/v1/chat/completions", json=asks)
        assert answer.status_code == 400


async def test_slots_bound_the_work_and_count_it() -> None:
    def slow(_: Asked) -> Act:
        return Act("x", seconds=0.05)

    async with FakeJudge(slow, slots=2, queue=2) as fake, httpx.AsyncClient() as http:
        started = perf_counter()
        asks = [http.post(f"{fake.url}/api/chat", json=body(str(n))) for n in range(6)]
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*asks))
        spent = perf_counter() - started
    assert statuses == [200] * 4 + [503] * 2
    assert fake.busy_seconds == pytest.approx(0.2, rel=0.3)
    assert spent > 0.095


async def test_leaving_ends_what_hangs() -> None:
    async with FakeJudge(FAULTS["hang"]) as fake, httpx.AsyncClient() as http:
        task = asyncio.create_task(http.post(f"{fake.url}/api/chat", json=body()))
        while not fake.asked:  # noqa: ASYNC110 - what others do is not ours to signal
            await asyncio.sleep(0.005)
    with pytest.raises(httpx.TransportError):
        await task
