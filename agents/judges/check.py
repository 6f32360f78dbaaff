"""Finding out whether a language model can judge from here: the way to its server, the model, one
real question."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import httpx

from agents.judges.clients.http import JsonServer
from agents.judges.clients.wire import RequestRejected, ServerFault
from agents.judges.contract import JudgeUnavailable
from agents.judges.factory import base_url, context_tokens, make_judge
from agents.judges.llm import ModelJudge as LanguageModel
from agents.judges.sample import sample_turn
from agents.judges.transports import CurlTransport
from schemas.settings import ModelJudge

TransportName = Literal["httpx", "curl"]
TRANSPORTS: Final[tuple[TransportName, ...]] = ("httpx", "curl")

REACH_SECONDS: Final = 10.0
"""How long a server has for a question that needs no model."""

BLOCKED: Final = (
    "only curl gets through: macOS blocks the local network for programs it has not been told to "
    "trust, and says nothing; allow your terminal in System Settings, Privacy & Security, Local "
    "Network, or set"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out. `problems` keep the judge from working, `advice` does not.

    `transports` says for each way what came of it, empty where it works. `models` is what the
    server has. `thinks` and `context` (tokens) are None where nobody tells. `answer` is what came
    of the real question: `scored`, or an abstention's reason; `seconds` is how long it took.
    """

    judge: str
    model: str
    url: str
    transports: dict[str, str] = field(default_factory=dict)
    transport: str = ""
    models: tuple[str, ...] = ()
    found: bool = False
    thinks: bool | None = None
    context: int | None = None
    needs: int = 0
    answer: str = ""
    seconds: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether it can judge with the settings it has."""
        return not self.problems


async def check(config: ModelJudge, *, ask: bool = True, platform: str = sys.platform) -> Checked:
    """Look at one judge.

    Args:
        config: the judge.
        ask: whether the model is put a real question, which loads it and takes its time.
        platform: as `sys.platform` has it.

    Raises:
        ValueError: the settings can't work; one line that says which and why.
    """
    found = Checked(config.name, config.model, base_url(config), needs=context_tokens(config))
    looks = {name: await _look(config, name) for name in TRANSPORTS}
    found = replace(found, transports={name: look.fault for name, look in looks.items()})
    ways = [name for name in TRANSPORTS if not looks[name].fault]
    if not ways:
        return replace(found, problems=(looks[config.transport].fault,))
    way: TransportName = config.transport if config.transport in ways else ways[0]
    found = replace(found, transport=way)
    if way != config.transport:
        why = BLOCKED if way == "curl" and platform == "darwin" else f"only {way} gets through; set"
        setting = f'transport = "{way}" for judge {config.name!r}'
        found = replace(found, problems=(f"{why} {setting}",))
    found = _with_model(found, config, looks[way])
    if ask and found.found:
        found = await _with_answer(found, config, way)
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """What one way to the server brought: why it does not work, or what the server said."""

    fault: str = ""
    models: tuple[str, ...] = ()
    thinks: bool | None = None
    context: int | None = None


async def _look(config: ModelJudge, name: TransportName) -> _Look:
    key = config.api_key.get_secret_value() if config.api_key else ""
    server = JsonServer(
        base_url(config),
        seconds=REACH_SECONDS,
        api_key=key,
        transport=CurlTransport() if name == "curl" else None,
        backoff=0.05,
    )
    try:
        return await (_look_ollama if config.kind == "ollama" else _look_openai)(config, server)
    except (JudgeUnavailable, RequestRejected, ServerFault) as error:
        return _Look(fault=str(error))
    finally:
        await server.aclose()


async def _look_ollama(config: ModelJudge, server: JsonServer) -> _Look:
    listed = (await server.get("/api/tags")).get("models")
    if not isinstance(listed, list):
        return _Look(fault=f'{server.url} does not answer as Ollama does; try kind = "openai"')
    names = tuple(str(each["name"]) for each in listed if isinstance(each, dict) and "name" in each)
    if not _has(names, config.model):
        return _Look(models=names)
    shown = await server.post("/api/show", {"model": config.model})
    details = shown.get("model_info")
    details = details if isinstance(details, dict) else {}
    sizes = [size for key, size in details.items() if str(key).endswith(".context_length")]
    capabilities = shown.get("capabilities")
    thinks = "thinking" in capabilities if isinstance(capabilities, list) else None
    return _Look(models=names, thinks=thinks, context=_first_int(sizes))


async def _look_openai(config: ModelJudge, server: JsonServer) -> _Look:
    listed = (await server.get("/models")).get("data")
    models = [each for each in listed or () if isinstance(each, dict) and "id" in each]
    names = tuple(str(each["id"]) for each in models)
    mine: Mapping[str, Any] = next((m for m in models if m["id"] == config.model), {})
    meta = mine.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    # vLLM; others; llama.cpp.
    sizes = (mine.get("max_model_len"), mine.get("context_length"), meta.get("n_ctx_train"))
    return _Look(models=names, context=_first_int(sizes))


def _with_model(found: Checked, config: ModelJudge, look: _Look) -> Checked:
    problems, advice = list(found.problems), list(found.advice)
    there = _has(look.models, config.model)
    if not there:
        has = (
            f"the server has no model {config.model!r}; it has: {', '.join(look.models) or 'none'}"
        )
        if config.kind == "ollama":
            problems.append(f"{has} (ollama pull {config.model})")
        else:
            # llama.cpp and others answer to any name; the question will tell.
            there = True
            advice.append(has)
    if there and look.context is not None and look.context < found.needs:
        advice.append(
            f"the model holds {look.context:,} tokens and the longest turn needs {found.needs:,}: "
            "lower prompt_chars or max_tokens_cap, or long turns are cut anew at each refusal"
        )
    return replace(
        found,
        models=look.models,
        found=there,
        thinks=look.thinks,
        context=look.context,
        problems=tuple(problems),
        advice=tuple(advice),
    )


async def _with_answer(
    found: Checked,
    config: ModelJudge,
    way: TransportName,
    clock: Callable[[], float] = time.perf_counter,
) -> Checked:
    transport: httpx.AsyncBaseTransport | None = CurlTransport() if way == "curl" else None
    judge = make_judge(config.model_copy(update={"transport": way}), transport=transport)
    assert isinstance(judge, LanguageModel)
    began = clock()
    try:
        judgement = await judge.judge(sample_turn())
        taken = clock() - began
        thinks = found.thinks
        if thinks is None:
            reply = await judge.check()
            thinks = bool(reply.reasoning) or "</think" in reply.content
    except JudgeUnavailable as error:
        return replace(found, problems=(*found.problems, str(error)))
    finally:
        await judge.aclose()
    problems, advice = found.problems, found.advice
    if judgement.status != "scored":
        problems = (*problems, f"it abstained ({judgement.reason}): {judgement.rationale}")
    budget = config.max_tokens
    if judgement.tokens_out is not None and judgement.tokens_out > budget / 2:
        advice = (*advice, f"a short turn took {judgement.tokens_out} of {budget} max_tokens")
    return replace(
        found,
        answer=judgement.reason or judgement.status,
        thinks=thinks,
        seconds=round(taken, 2),
        tokens_in=judgement.tokens_in,
        tokens_out=judgement.tokens_out,
        problems=problems,
        advice=advice,
    )


def _has(names: tuple[str, ...], model: str) -> bool:
    return model in names or f"{model}:latest" in names


def _first_int(values: Any) -> int | None:
    return next((value for value in values if isinstance(value, int)), None)
