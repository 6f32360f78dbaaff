"""Who decides together."""

from __future__ import annotations

from pydantic import Field, model_validator

from schemas.durations import Seconds
from schemas.settings.section import Section, mistake


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
