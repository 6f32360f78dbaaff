"""`clawback doctor`: check that everything clawback needs is there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.exits import OK, UNHEALTHY

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.cli.app import Options
    from streams.status.checks import Finding

_MARKS = {
    "ok": ("ok     ", "green"),
    "warning": ("warning", "yellow"),
    "problem": ("PROBLEM", "red"),
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON list of what was found.")
@click.pass_obj
def command(options: Options, as_json: bool) -> int:
    """Check that everything clawback needs is there.

    Changes nothing, and sends nothing anywhere but an empty request to each configured judge.
    Exit code 4: there is a problem. Warnings alone are exit code 0.

    \b
    Example:
      clawback doctor --json | jq '.[] | select(.level == "problem")'
    """
    file = find_settings(options.config)
    settings = read_settings(file)
    found: list[Finding] = []
    for finding in check(settings, file):
        found.append(finding)
        if not as_json:
            mark, colour = _MARKS[finding.level]
            click.echo(f"{click.style(mark, colour)} {finding.subject}: {finding.message}")
            if finding.advice:
                click.echo(f"        {finding.advice}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    return UNHEALTHY if any(finding.level == "problem" for finding in found) else OK


def check(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """Yield what every check finds, the quick ones first."""
    from streams.broker import log_path
    from streams.status import checks

    yield from checks.python()
    yield from checks.sqlite()
    yield from checks.settings_file(file)
    yield from checks.environment(os.environ, settings.judges)
    yield from checks.home("paths.home", settings.paths.home)
    yield from checks.home("paths.output", settings.paths.output)
    yield from checks.free_space(settings.paths.home)
    yield from checks.clock(settings.sinks.timezone)
    yield from checks.openclaw(settings.paths.openclaw)
    yield from checks.watches(settings.paths.openclaw)
    yield from checks.broker(settings.broker.url, log_path(settings))
    yield from checks.forgetting(settings.paths.home)
    yield from checks.judges(settings.judges)
