"""Everything that can be set, in one model."""

from __future__ import annotations

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.durations import Seconds
from schemas.settings.broker import Broker
from schemas.settings.judges import SIGNALS, Calibration, Judge
from schemas.settings.output import Pairs, Sinks
from schemas.settings.panels import Panel
from schemas.settings.paths import Paths
from schemas.settings.prefilter import Prefilter
from schemas.settings.reading import Extract, Privacy, Tail
from schemas.settings.regenerate import Regenerate
from schemas.settings.section import Section, mistake
from schemas.settings.train import Host, Train


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
    regenerate: Regenerate = Field(
        Regenerate(), description="Who is asked for the side that a turn has not."
    )
    train: Train = Field(Train(), description="When a model is trained, and how.")
    hosts: tuple[Host, ...] = Field(
        (), description="The machines that train. Without any, this one, with its memory."
    )
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
        hosts = [host.name for host in self.hosts]
        for table, given in (("judges", names), ("panels", panels), ("hosts", hosts)):
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
