"""Reading the settings: the file, then the environment over it, then the secrets."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pydantic_settings
from pydantic import SecretStr, ValidationError

from schemas.settings import Judge, ModelJudge, Settings
from streams.settings.environment import key_variable, variable, variable_of
from streams.settings.mistakes import Finding, Mistake, SettingsError, dotted, finding
from streams.settings.positions import KeyPath, line_of, positions

_SECRETS = ("api_key", "password")


def load(file: Path | None) -> Settings:
    """Return the settings of `file` (see `find`), with the environment's over them.

    Raises:
        SettingsError: with every mistake that was found, in the file and in the environment.
    """
    source = _Source(file)
    data = source.parse()
    findings = _take_secrets_out(data)
    settings = None
    try:
        settings = Settings(**data)
    except ValidationError as error:
        findings += [finding(item) for item in error.errors(include_url=False)]
    except pydantic_settings.SettingsError as error:
        findings.append(_no_json(error))
    if settings is not None:
        settings, missing = _with_keys(settings, file)
        findings += missing
    if settings is None or findings:
        raise SettingsError(source.place_all(findings))
    return settings


class _Source:
    """The text of a settings file, and the places in it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lines: list[str] = []
        self._places: dict[KeyPath, int] = {}

    def parse(self) -> dict[str, Any]:
        if self._file is None:
            return {}
        try:
            text = self._file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise SettingsError(
                [Mistake(str(self._file), "", f"can't be read: {reason}")]
            ) from None
        self._lines = text.splitlines()
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([self._syntax(str(error))]) from None
        self._places = positions(text)
        return data

    def place_all(self, findings: list[Finding]) -> list[Mistake]:
        """Say where each was written, in the order of the file."""
        ordered = sorted(findings, key=lambda found: line_of(self._places, found.path) or 0)
        return [self._place(found) for found in ordered]

    def _place(self, found: Finding) -> Mistake:
        name = variable_of(found.path, os.environ)
        if name is not None:
            # What a judge is given may hold its key.
            hidden = found.path[0] == "judges" or found.path[:2] == ("broker", "kafka")
            shown = "" if hidden else f"{name}={os.environ[name]}"
            return Mistake(
                f"environment variable {name}",
                dotted(found.path),
                found.problem,
                shown,
                found.expected,
                found.advice,
            )
        line = line_of(self._places, found.path)
        where = f"{self._file}:{line}" if line else str(self._file or "settings")
        written = self._lines[line - 1].strip() if line else ""
        if found.path and found.path[-1] in _SECRETS:
            written = f'{found.path[-1]} = "..."'
        return Mistake(
            where, dotted(found.path), found.problem, written, found.expected, found.advice
        )

    def _syntax(self, message: str) -> Mistake:
        reason, _, _ = message.partition(" (at ")
        at = re.search(r"at line (\d+)", message)
        line = int(at[1]) if at else len(self._lines)
        advice = ""
        if reason in ("Invalid value", "Expected newline or end of document after a statement"):
            advice = 'text and durations stand in quotes, as in quiet = "60s"'
        written = self._lines[line - 1].strip() if 0 < line <= len(self._lines) else ""
        for secret in _SECRETS:
            # Not the names that begin like it: password_file is no secret.
            if re.match(rf"{secret}\b", written):
                written = f"{secret} = ..."
        return Mistake(
            f"{self._file}:{line}", "", f"this is not TOML: {reason}", written, advice=advice
        )


def _take_secrets_out(data: dict[str, Any]) -> list[Finding]:
    """Remove API keys from the file's data and return that they are not to be there."""
    found = []
    judges = data.get("judges")
    for at, judge in enumerate(judges if isinstance(judges, list) else ()):
        if isinstance(judge, dict) and "api_key" in judge:
            del judge["api_key"]
            key = key_variable(str(judge.get("name", "NAME")))
            found.append(
                Finding(
                    ("judges", at, "api_key"),
                    "a secret does not belong in this file",
                    f"the key in the environment variable {key},",
                    'or in a file of its own: api_key_file = "~/.clawback/judge.key"',
                )
            )
    broker = data.get("broker")
    kafka = broker.get("kafka") if isinstance(broker, dict) else None
    if isinstance(kafka, dict) and "password" in kafka:
        del kafka["password"]
        found.append(
            Finding(
                ("broker", "kafka", "password"),
                "a secret does not belong in this file",
                "the password in the environment variable "
                f"{variable(('broker', 'kafka', 'password'))},",
                'or in a file of its own: password_file = "~/.clawback/kafka.password"',
            )
        )
    return found


def _with_keys(settings: Settings, file: Path | None) -> tuple[Settings, list[Finding]]:
    """Give each model judge its API key from the environment or the file it names."""
    judges: list[Judge] = []
    found: list[Finding] = []
    for at, judge in enumerate(settings.judges):
        if not isinstance(judge, ModelJudge):
            judges.append(judge)
            continue
        key = os.environ.get(key_variable(judge.name))
        if not key and judge.api_key_file is not None:
            path = judge.api_key_file.expanduser()
            path = file.parent / path if file is not None else path
            try:
                key = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8"
                found.append(
                    Finding(("judges", at, "api_key_file"), f"{path} can't be read: {reason}")
                )
        judges.append(judge.model_copy(update={"api_key": SecretStr(key)}) if key else judge)
    return settings.model_copy(update={"judges": tuple(judges)}), found


def _no_json(error: pydantic_settings.SettingsError) -> Finding:
    name = re.search(r'field "(\w+)"', str(error))
    path = (name[1],) if name else ()
    return Finding(path, "is no JSON", "JSON, where one variable holds a whole table")
