"""`clawback deadletters`: look at what could not be read, and send it again."""

from __future__ import annotations

import base64
import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import FAILED, OK
from streams.cli.work import with_broker

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.broker import Broker
    from streams.cli.app import Options
    from streams.deadletters.reading import Letter


@click.group()
def command() -> None:
    """Look at what could not be read, and send it again.

    \b
    Examples:
      clawback deadletters list
      clawback deadletters show 3f2a9c1b
      clawback deadletters retry --all
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that have been resolved.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, without the raw input.")
@click.pass_obj
def list_letters(options: Options, everything: bool, as_json: bool) -> None:
    """Show what could not be read: which stage, where it stands, and why.

    \b
    Example:
      clawback deadletters list --json | jq '.[] | select(.stage == "tail")'
    """
    settings = read_settings(find_settings(options.config))
    letters = [letter for letter in _letters(settings) if everything or not letter.record.resolved]
    if as_json:
        click.echo(json.dumps([_row(letter) for letter in letters]))
        return
    zone = ZoneInfo(settings.sinks.timezone) if settings.sinks.timezone else None
    for letter in letters:
        record = letter.record
        at = datetime.fromtimestamp(letter.at_ms / 1000, zone)
        mark = click.style("  resolved", fg="green") if record.resolved else ""
        click.echo(
            f"{click.style(record.id[:12], bold=True)}  {at:%Y-%m-%d %H:%M:%S}  {record.stage}"
            f"  {record.source} {record.position}{mark}"
        )
        click.echo(f"    {record.reason}")
    if not letters:
        click.echo("no dead letters", err=True)


@command.command()
@click.argument("id_", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="The record as JSON.")
@click.pass_obj
def show(options: Options, id_: str, as_json: bool) -> None:
    """Show one dead letter and, on standard output, the input itself. The first digits of its id
    are enough.

    \b
    Example:
      clawback deadletters show 3f2a9c1b 2>/dev/null | head -c 300
    """
    from streams.deadletters.reading import NoSuchLetter, find_letter

    settings = read_settings(find_settings(options.config))
    try:
        letter = find_letter(_letters(settings), id_)
    except NoSuchLetter as error:
        raise CommandError(str(error)) from None
    record = letter.record
    if as_json:
        click.echo(record.to_bytes())
        return
    state = "resolved" if record.resolved else "open"
    click.echo(f"{record.id} ({state})", err=True)
    click.echo(f"{record.stage} could not read {record.source} {record.position}", err=True)
    click.echo(record.reason, err=True)
    if record.omitted_bytes:
        click.echo(f"{record.omitted_bytes:,} more bytes were not kept", err=True)
    raw = record.raw.encode()
    sys.stdout.buffer.write(base64.b64decode(raw) if record.encoding == "base64" else raw)
    sys.stdout.buffer.write(b"\n")


@command.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that are open.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list of what became of each.")
@click.pass_obj
def retry(options: Options, ids: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Read the input again, and send it through the line if it can be read now.

    What stands on a topic is put there once more; a line of a session file is read again where it
    stands. The running line, or the next one, then goes on from there. What can be read is marked
    as resolved. Exit code 1: some of it still can't be read.

    \b
    Examples:
      clawback deadletters retry 3f2a9c1b
      clawback deadletters retry --all      after an upgrade, or a larger tail.max_line_bytes
    """
    from streams.deadletters.reading import NoSuchLetter, find_letter, read_letters
    from streams.deadletters.retry import StillUnreadable
    from streams.deadletters.retry import retry as read_again

    if everything == bool(ids):
        raise click.UsageError("name dead letters, or take --all")
    settings = read_settings(find_settings(options.config))

    async def work(broker: Broker) -> list[dict[str, Any]]:
        letters = await read_letters(broker, settings)
        chosen = (
            [letter for letter in letters if not letter.record.resolved]
            if everything
            else [find_letter(letters, name) for name in ids]
        )
        results = []
        for letter in chosen:
            try:
                await read_again(letter, broker, settings)
                results.append({**_row(letter), "resolved": True, "still": None})
            except StillUnreadable as error:
                results.append({**_row(letter), "still": str(error)})
        return results

    try:
        results = with_broker(settings, work)
    except NoSuchLetter as error:
        raise CommandError(str(error)) from None
    left = [result for result in results if result["still"] is not None]
    if as_json:
        click.echo(json.dumps(results))
    else:
        for result in results:
            told = "resolved" if result["still"] is None else f"still not: {result['still']}"
            click.echo(f"{result['id'][:12]}  {told}")
        click.echo(f"{len(results) - len(left)} of {len(results)} resolved", err=True)
    return FAILED if left else OK


def _letters(settings: Settings) -> list[Letter]:
    from streams.deadletters.reading import read_letters

    return with_broker(settings, lambda broker: read_letters(broker, settings))


def _row(letter: Letter) -> dict[str, Any]:
    record = letter.record
    return {
        "id": record.id,
        "at_ms": letter.at_ms,
        "stage": record.stage,
        "source": record.source,
        "position": record.position,
        "reason": record.reason,
        "resolved": record.resolved,
    }
