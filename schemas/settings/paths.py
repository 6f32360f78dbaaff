"""Where things are read and kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from schemas.settings.section import Section


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
