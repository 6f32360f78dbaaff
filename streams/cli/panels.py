"""`clawback panels`: compare panels, and choose the one that counts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError
from streams.cli.panels_common import fed_by, find_edition
from streams.cli.work import with_broker

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.panels.compare import Comparison

SETTING = "CLAWBACK_SINKS__PANEL"


@click.group()
def command() -> None:
    """Compare panels, and choose the one that counts.

    \b
    Examples:
      clawback panels list
      clawback panels compare default strict
      clawback panels promote strict
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of panels.")
@click.pass_obj
def list_panels(options: Options, as_json: bool) -> None:
    """Show each panel, who sits on it, and how many turns are in each class.

    A panel is named with its edition: `default@1f0c22ab`. Another judge, model, rubric or rule
    makes another edition; verdicts of earlier ones stay, and are listed without judges.

    \b
    Example:
      clawback panels list --json | jq '.[] | select(.feeds_sinks)'
    """
    settings = read_settings(find_settings(options.config))

    rows = with_broker(settings, lambda broker: _rows(broker, settings))
    if as_json:
        click.echo(json.dumps(rows))
    else:
        _print(rows)


@command.command()
@click.argument("a")
@click.argument("b")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all changed turns.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write it as a page that needs no other file.",
)
@click.pass_obj
def compare(options: Options, a: str, b: str, as_json: bool, html: Path | None) -> None:
    """Show which turns change class from panel A to panel B, and why.

    A name means the panel as it is set now; an earlier edition is named as `list` shows it.

    \b
    Examples:
      clawback panels compare default strict --html strict.html
      clawback panels compare default@1f0c22ab default
    """
    settings = read_settings(find_settings(options.config))
    labels = [name if "@" in name else find_edition(settings, name).label for name in (a, b)]

    from streams.panels import report

    found, words = with_broker(settings, lambda broker: _compare(broker, settings, labels))
    if as_json:
        click.echo(json.dumps(report.as_json(found, words)))
    else:
        from rich.console import Console

        Console(highlight=False).print(report.tables(found, words))
    if not found.turns:
        raise CommandError(
            "nothing to compare; `clawback replay --panel NAME` has a panel's verdicts made"
        )
    if html is not None:
        try:
            html.write_text(report.page(found, words), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{html} can't be written: {error.strerror}") from None
        click.echo(f"wrote {html}", err=True)


@command.command()
@click.argument("name")
@click.pass_obj
def promote(options: Options, name: str) -> None:
    """Let a panel feed the turn files' `verdict` and the pairs.

    Changes `panel` in [sinks] of the settings file, in one step, and leaves the rest of the file
    as it is. A running line's sinks are started again and rewrite what changes.

    \b
    Example:
      clawback panels promote strict
    """
    from streams.panels.promotion import PromotionError
    from streams.panels.promotion import promote as change

    file, settings = _changeable(options)
    find_edition(settings, name)
    if settings.sinks.panel == name:
        click.echo(f"{name} feeds the sinks already")
        return
    try:
        change(file, settings.paths.home, name, int(time.time() * 1000))
    except PromotionError as error:
        raise CommandError(str(error)) from None
    click.echo(f"{name} feeds the sinks now, {settings.sinks.panel} did; `panels rollback` undoes")
    _tell_the_line(settings, name)


@command.command()
@click.pass_obj
def rollback(options: Options) -> None:
    """Let the panel that was promoted away feed the sinks again.

    \b
    Example:
      clawback panels rollback
    """
    from streams.panels.promotion import PromotionError
    from streams.panels.promotion import rollback as undo

    file, settings = _changeable(options)
    try:
        undone = undo(file, settings.paths.home)
    except PromotionError as error:
        raise CommandError(str(error)) from None
    name = undone.before or "default"
    click.echo(f"{name} feeds the sinks again, instead of {undone.after}")
    _tell_the_line(settings, name)


def _changeable(options: Options) -> tuple[Path, Settings]:
    """Return the settings and their file.

    Raises:
        CommandError: `sinks.panel` can't be changed there.
    """
    file = find_settings(options.config)
    if file is None:
        raise CommandError("there is no settings file to change; `clawback init` writes one")
    if SETTING in os.environ:
        raise CommandError(f"{SETTING} is set and wins over {file}; change it there, or unset it")
    return file, read_settings(file)


def _tell_the_line(settings: Settings, name: str) -> None:
    from streams.panels.restart import restart_sinks, running

    line = running(settings.paths.home)
    if line is None:
        click.echo("nothing runs on this home; the next `clawback run` takes it up")
        return
    if restart_sinks(line):
        click.echo("the sinks are being started again with it")
    if not any(stage.partition("@")[0] == f"ensemble.{name}" for stage in line.stages):
        click.echo(
            f"clawback: the running line does not join for {name}, which was added since it was "
            "started; start `clawback run` again",
            err=True,
        )


async def _rows(broker: Broker, settings: Settings) -> list[dict[str, Any]]:
    from agents.ensemble import edition
    from streams.panels import reading

    counts = await reading.counts(broker, settings)
    feeding = fed_by(settings).label
    rows: list[dict[str, Any]] = []
    for panel in settings.all_panels:
        current = edition(panel, settings.judges)
        pins = [current.pins[name] for name in panel.judges]
        rows.append(
            {
                "panel": current.label,
                "current": True,
                "feeds_sinks": current.label == feeding,
                "judges": [
                    {"judge": pin.judge, "model": pin.model, "rubric": pin.rubric} for pin in pins
                ],
                "quorum": panel.quorum,
                "max_spread": panel.max_spread,
                "classes": dict(counts.pop(current.label, {})),
            }
        )
    rows += [
        {"panel": label, "current": False, "feeds_sinks": False, "classes": dict(classes)}
        for label, classes in sorted(counts.items())
    ]
    return rows


def _print(rows: list[dict[str, Any]]) -> None:
    from streams.panels.classes import CLASSES

    for row in rows:
        mark = "  feeds the sinks" if row["feeds_sinks"] else ""
        mark = mark if row["current"] else "  an earlier edition"
        click.echo(f"{click.style(row['panel'], bold=True)}{mark}")
        for judge in row.get("judges", ()):
            click.echo(f"    {judge['judge']}  {judge['model']}  rubric {judge['rubric']}")
        if row["current"]:
            click.echo(f"    quorum {row['quorum']}, spread up to {row['max_spread']:g}")
        classes = row["classes"]
        told = ", ".join(f"{classes[kind]:,} {kind}" for kind in CLASSES if classes.get(kind))
        click.echo(f"    {told or 'no verdicts yet; `clawback replay --panel` has them made'}")


async def _compare(
    broker: Broker, settings: Settings, labels: list[str]
) -> tuple[Comparison, dict[str, str]]:
    """Return the comparison of two panels, and the requests of the turns that change."""
    from streams.panels import reading

    found = await reading.compare(broker, settings, labels[0], labels[1])
    changed = frozenset(change.turn_id for change in found.changes)
    return found, await reading.requests(broker, settings, changed)
