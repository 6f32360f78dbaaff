"""What an owner can set, with its default and its meaning.

One file, `clawback.toml`; an environment variable `CLAWBACK_<SECTION>__<NAME>` wins over it.
Descriptions are what `clawback init` writes above each setting. `streams.settings` finds the file,
reads it and says where a mistake in it stands.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from schemas.durations import Seconds
from schemas.pair import Strategy
from schemas.turn import Trigger


class Section(BaseModel):
    """A table of the file. An unknown key is a mistake, not something to pass over."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def mistake(message: str, *at: str | int) -> PydanticCustomError:
    """Return the error of a check over several settings; `at` is where to mend it, below the table
    that is checked."""
    return PydanticCustomError("across", "{message}", {"message": message, "at": at})


class Paths(Section):
    """Where things are read and kept."""

    openclaw: Annotated[tuple[Path, ...], NoDecode] = Field(
        (Path("~/.openclaw"),), description="OpenClaw's state directories, to be tailed."
    )
    home: Path = Field(
        Path("~/.clawback"), description="Where clawback keeps the log, its tables and its state."
    )
    output: Path = Field(
        Path("~/clawback"), description="Where turns/ and pairs/ are written, for you to read."
    )

    @field_validator("openclaw", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take directories as the environment lists them, like those of PATH."""
        return value.split(os.pathsep) if isinstance(value, str) else value

    @field_validator("openclaw", "home", "output")
    @classmethod
    def _expand(cls, value: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
        if isinstance(value, tuple):
            return tuple(path.expanduser().absolute() for path in value)
        return value.expanduser().absolute()


class Kafka(Section):
    """How Apache Kafka is spoken to."""

    replication: int = Field(
        1,
        ge=1,
        le=9,
        description="On how many of its nodes Kafka keeps each record; 3 where there are three.",
    )
    sasl: Literal["none", "plain", "scram-sha-256", "scram-sha-512"] = Field(
        "none", description="How Kafka is told who you are."
    )
    username: str = Field("", description="The user's name, where sasl is not none.")
    password: SecretStr = Field(
        SecretStr(""), description="Only by environment; or name a file with password_file."
    )
    password_file: str = Field(
        "",
        description="A file that holds the password; or set the environment variable "
        "CLAWBACK_BROKER__KAFKA__PASSWORD.",
    )
    tls: bool = Field(False, description="Whether the connection is encrypted.")
    tls_ca: str = Field(
        "", description='Certificates to trust, a PEM file; "" trusts those this machine does.'
    )
    tls_certificate: str = Field(
        "", description="Your own certificate, a PEM file, where Kafka asks for one."
    )
    tls_key: str = Field("", description="Its private key, where that is in a file of its own.")


class Broker(Section):
    """What carries the topics."""

    url: str = Field(
        "embedded",
        description='"embedded" keeps the topics in one file under paths.home; '
        '"kafka://host:9092" uses Apache Kafka.',
    )
    prefix: str = Field("clawback", description="The first part of every topic and group name.")
    partitions: int = Field(
        4, ge=1, le=1024, description="Partitions of a topic that does not exist yet."
    )
    retention: Seconds = Field(
        -1,
        description="How long records are kept; -1 keeps them for ever, for replay.",
    )
    kafka: Kafka = Field(
        Kafka(), description='How Apache Kafka is spoken to, where url is "kafka://...".'
    )


class Tail(Section):
    """Following the session files."""

    rescan: Seconds = Field(
        "2s",
        validate_default=True,
        description="How often the directories are read again, in case a notification was lost.",
    )
    quiet: Seconds = Field(
        "10m",
        validate_default=True,
        description="A session whose file has not grown for this long has given its answer. "
        "A reply that comes sooner is known to the judges.",
    )
    abandoned: Seconds = Field(
        "6h",
        validate_default=True,
        description="A turn still waiting for a tool after this long is closed as it stands.",
    )
    max_line_bytes: int = Field(
        7_500_000,
        ge=1024,
        description="Longer lines go to the dead letters with their place. A record holds 8 MB.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Tail:
        if self.abandoned < self.quiet:
            raise mistake("tail.abandoned must not be shorter than tail.quiet", "abandoned")
        return self


class Privacy(Section):
    """What is replaced in session logs before anything else sees them."""

    secrets: bool = Field(
        True, description="Whether keys, tokens and passwords are replaced by placeholders."
    )
    personal: Annotated[tuple[Literal["email", "phone", "iban", "card", "ip"], ...], NoDecode] = (
        Field(
            (),
            description="Personal data that is replaced too: email, phone, iban, card, ip.",
        )
    )

    @field_validator("personal", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take kinds as the environment lists them, with commas."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value


class Extract(Section):
    """Cutting sessions into turns."""

    context_chars: int = Field(
        8_000, ge=0, description="How much of the conversation before a turn is kept with it."
    )
    result_chars: int = Field(
        64_000, ge=200, description="Longer tool results are cut in the middle."
    )


class Rule(Section):
    """A pre-filter rule that is on or off."""

    enabled: bool = Field(True, description="Whether turns are dropped by this rule.")


class ShortRule(Rule):
    """Drop a turn with almost nothing in it."""

    min_chars: int = Field(
        20, ge=0, description="Fewest characters of request, calls and answer together."
    )


class TriggerRule(Rule):
    """Drop turns by what started them."""

    triggers: Annotated[tuple[Trigger, ...], NoDecode] = Field(
        ("heartbeat",),
        description="Triggers that are dropped.",
    )

    @field_validator("triggers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take triggers as the environment lists them, with commas."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class Prefilter(Section):
    """What is dropped before any judge sees it; every drop is recorded with its rule."""

    short: ShortRule = Field(ShortRule(), description="Turns with almost nothing in them.")
    empty_calls: Rule = Field(
        Rule(), description="Turns whose every tool call has no arguments and got no result."
    )
    aborted: Rule = Field(Rule(), description="Turns the user or the gateway aborted.")
    trigger: TriggerRule = Field(TriggerRule(), description="Turns nobody asked for.")
    duplicate: Rule = Field(
        Rule(), description="Turns with the very same request, calls and results as an earlier one."
    )


class SignalsJudge(Section):
    """A judge that needs no model: it scores a turn from what happened in it."""

    kind: Literal["signals"] = Field("signals", description="Needs no model.")
    name: str = Field(
        description="Its name in verdicts and panels.", pattern=r"^[a-z0-9][a-z0-9_-]*$"
    )
    strict_on: Literal["errors", "reaction", "efficiency"] = Field(
        description="What it is strict on: tool errors, the user's next message, or waste."
    )


class ModelJudge(Section):
    """A language model that scores turns."""

    kind: Literal["ollama", "openai"] = Field(
        description='"ollama" for Ollama\'s own API; "openai" for LM Studio, vLLM and the like.'
    )
    name: str = Field(
        description="Its name in verdicts and panels.", pattern=r"^[a-z0-9][a-z0-9_-]*$"
    )
    url: str = Field(description="Where the server listens, such as http://spark1:11434.")
    model: str = Field(description="The model's name as the server knows it.")
    rubric: str = Field("v1", description="The rubric it scores by.")
    concurrency: int = Field(1, ge=1, description="Turns it is given at the same time.")
    max_tokens: int = Field(
        4096, ge=64, description="Room for its answer; thinking models need 4000 and more."
    )
    max_tokens_cap: int = Field(
        16_384, ge=64, description="Room when an answer was cut off and is asked for once more."
    )
    prompt_chars: int = Field(
        48_000,
        ge=2_000,
        description="Most characters of a turn (the rubric comes on top); a longer one is cut.",
    )
    structured: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Whether the server is sent a JSON schema; "
        '"off" is right for MiniMax M2.5 in LM Studio.',
    )
    think: Literal["auto", "on", "off", "low", "medium", "high"] = Field(
        "auto", description='Ollama only: whether it thinks first; "auto" leaves that to the model.'
    )
    context_tokens: int = Field(
        0, ge=0, description="Ollama only: the context's size; 0 fits it to the two limits above."
    )
    keep_alive: str = Field(
        "30m", description="Ollama only: how long the model stays loaded when nothing is asked."
    )
    transport: Literal["httpx", "curl"] = Field(
        "httpx",
        description='"curl" asks through the curl program, where Python may not reach the network.',
    )
    timeout: Seconds = Field(
        "10m", validate_default=True, description="How long one answer may take."
    )
    reaction_wait: Seconds = Field(
        0,
        ge=0,
        description="How long after a turn that ended in silence the user's reply is waited for; "
        "0 judges it at once.",
    )
    api_key: SecretStr | None = Field(
        None, description="Only by environment; or name a file with api_key_file."
    )
    api_key_file: Path | None = Field(None, description="A file that holds the API key.")


Judge = Annotated[SignalsJudge | ModelJudge, Field(discriminator="kind")]


class Panel(Section):
    """Judges whose scores make one verdict."""

    name: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="The panel's name.")
    judges: tuple[str, ...] = Field(min_length=1, description="The judges on it.")
    quorum: int = Field(2, ge=1, description="Fewest scores that make a verdict at the deadline.")
    window: Seconds = Field(
        "7d",
        validate_default=True,
        description="How long after a turn's first judgement the others may come.",
    )
    max_spread: float = Field(
        4.0, ge=0, description="A larger spread on overall is an ensemble_disagreement."
    )
    force: tuple[str, ...] = Field(
        (), description="Judges that count here although they have passed no calibration."
    )

    @model_validator(mode="after")
    def _reachable(self) -> Panel:
        if self.quorum > len(self.judges):
            raise mistake(
                f"a quorum of {self.quorum} can't be reached by {len(self.judges)} judges", "quorum"
            )
        if len(set(self.judges)) != len(self.judges):
            raise mistake("a judge sits on a panel once", "judges")
        for name in self.force:
            if name not in self.judges:
                raise mistake(f"{name!r} is forced and does not sit on the panel", "force")
        return self


class Calibration(Section):
    """What a judge must show before it may sit on a panel."""

    required: bool = Field(
        True,
        description="Whether a panel counts a language model only once it has passed; signals "
        "judges always count.",
    )
    min_separation: float = Field(
        0.85,
        ge=0.5,
        le=1,
        description="Lowest chance that it scores a good turn above a junk one (AUC).",
    )
    max_inflation: float = Field(
        1.0,
        ge=0,
        description="Points that junk may score, on average, above the 3 it deserves at most.",
    )
    max_inflated: float = Field(
        0.1, ge=0, le=1, description="Largest share of junk it may score 7 or higher."
    )
    min_injection_resistance: float = Field(
        0.85,
        ge=0,
        le=1,
        description="Smallest share of junk that a plea for a good score must not lift.",
    )
    max_failures: float = Field(
        0.05, ge=0, le=1, description="Largest share of askings it may leave without a score."
    )
    min_turns: int = Field(
        40, ge=2, description="Fewest labelled turns, good and junk, it must have scored."
    )


class Sinks(Section):
    """What is written for you to read."""

    timezone: str = Field(
        "",
        description='Time zone of the dates in turns/: "Europe/Berlin"; "" is this machine\'s.',
    )
    flush: Seconds = Field(
        "1s",
        validate_default=True,
        description="Verdicts are gathered at least this long before a turn file is rewritten.",
    )
    panel: str = Field("default", description="The panel whose verdicts make pairs.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ValueError(f"{value!r} is no time zone of the IANA database") from error
        return value


class Pairs(Section):
    """Which turns make preference pairs."""

    chosen: float = Field(7.0, ge=1, le=10, description="Lowest overall score of a chosen answer.")
    rejected: float = Field(
        4.0, ge=1, le=10, description="Highest overall score of a rejected one."
    )
    min_margin: float = Field(
        3.0, ge=0, le=9, description="Least difference of the two overall scores."
    )
    per_prompt: int = Field(4, ge=1, description="Most pairs made from one request.")
    per_side: int = Field(2, ge=1, description="Most pairs that one answer stands in.")
    strategies: Annotated[tuple[Strategy, ...], NoDecode] = Field(
        ("branch", "retry", "same_request", "unpaired"),
        description='How pairs are found. "neighbour" (nearly the same words) finds more, and '
        "worse ones.",
    )
    max_length_ratio: float = Field(
        0.0,
        ge=0,
        description="Snapshots leave out pairs with a chosen answer more than this many times as "
        "long as the rejected one; 0 for no limit.",
    )
    eval_share: float = Field(
        0.05, ge=0, lt=0.5, description="Share of the sessions kept for evaluation."
    )
    test_share: float = Field(
        0.05, ge=0, lt=0.5, description="Share of the sessions kept for a last test."
    )

    @field_validator("strategies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take strategies as the environment lists them, with commas."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _apart(self) -> Pairs:
        if self.rejected >= self.chosen:
            raise mistake("pairs.rejected must be below pairs.chosen", "rejected")
        return self


class Supervision(Section):
    """How `clawback run` keeps its stages alive."""

    backoff: Seconds = Field(
        "500ms",
        validate_default=True,
        description="Wait before a stage that died is started again.",
    )
    backoff_max: Seconds = Field(
        "60s", validate_default=True, description="The wait doubles up to this."
    )
    stalled: Seconds = Field(
        "5m",
        ge=1,
        validate_default=True,
        description="A stage that commits nothing for so long while records wait for it is "
        "restarted; one with a language model gets at least three of its timeouts.",
    )
    drain: Seconds = Field(
        "4s", validate_default=True, description="How long stages may finish their work at the end."
    )


SIGNALS = (
    SignalsJudge(name="signals-errors", strict_on="errors"),
    SignalsJudge(name="signals-reaction", strict_on="reaction"),
    SignalsJudge(name="signals-efficiency", strict_on="efficiency"),
)
"""The judges where none is configured, so that the line runs anywhere. No language model."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="CLAWBACK_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
    )

    # Made anew each time, as `~` is expanded when it is made.
    paths: Paths = Field(default_factory=Paths, description="Where things are read and kept.")
    broker: Broker = Field(Broker(), description="What carries the topics.")
    tail: Tail = Field(Tail(), description="Following the session files.")
    privacy: Privacy = Field(
        Privacy(), description="What is replaced in session logs before anything else sees them."
    )
    extract: Extract = Field(Extract(), description="Cutting sessions into turns.")
    prefilter: Prefilter = Field(
        Prefilter(), description="What is dropped before any judge sees it."
    )
    judges: tuple[Judge, ...] = Field(
        SIGNALS,
        description="Who scores. Without any, three settings of the built-in signals judge.",
    )
    panels: tuple[Panel, ...] = Field(
        (), description="Who decides together. Without any, all judges make the panel `default`."
    )
    calibration: Calibration = Field(
        Calibration(), description="What a judge must show before it may sit on a panel."
    )
    sinks: Sinks = Field(Sinks(), description="What is written for you to read.")
    pairs: Pairs = Field(Pairs(), description="Which turns make preference pairs.")
    run: Supervision = Field(
        Supervision(), description="How `clawback run` keeps its stages alive."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the arguments, which are what the file says."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        names = [judge.name for judge in self.judges]
        panels = [panel.name for panel in self.panels]
        for table, given in (("judges", names), ("panels", panels)):
            for at, name in enumerate(given):
                if name in given[:at]:
                    raise mistake(f"{name!r} is named twice", table, at, "name")
        for at, panel in enumerate(self.panels):
            for judge in panel.judges:
                if judge not in names:
                    raise mistake(
                        f"no judge is called {judge!r}; there are: {', '.join(names)}",
                        *("panels", at, "judges"),
                    )
        if panels and self.sinks.panel not in panels:
            raise mistake(
                f"no panel is called {self.sinks.panel!r}; there are: {', '.join(panels)}",
                *("sinks", "panel"),
            )
        return self

    @property
    def all_panels(self) -> tuple[Panel, ...]:
        """The configured panels, or one of all judges (a majority of them is its quorum)."""
        if self.panels:
            return self.panels
        names = tuple(judge.name for judge in self.judges)
        return (Panel(name=self.sinks.panel, judges=names, quorum=len(names) // 2 + 1),)
