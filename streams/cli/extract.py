"""`clawback extract`: the turns in session files, without any broker."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError

if TYPE_CHECKING:
    from agents.extract import FileExtract
    from schemas.turn import Turn
    from streams.cli.app import Options


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for each turn.")
@click.option("--explain", is_flag=True, help="Also tell why something is no turn.")
@click.pass_obj
def command(options: Options, paths: tuple[Path, ...], as_json: bool, explain: bool) -> None:
    """Show the turns that session files hold, without any broker.

    PATH is a session file, or a directory in which those below agents/*/sessions are read. With
    --json the explanations go to standard error, so that turns alone are on standard output.

    \b
    Examples:
      clawback extract ~/.openclaw
      clawback extract --json session.jsonl | jq .request
      clawback extract --explain session.jsonl
    """
    from agents.extract import extract_file

    settings = read_settings(find_settings(options.config))
    seen: set[str] = set()
    files = letters = failed = 0
    for path in sessions(paths):
        try:
            found = extract_file(path, settings.extract, settings.tail)
        except OSError as error:
            click.echo(f"clawback: {path} can't be read: {error.strerror}", err=True)
            failed += 1
            continue
        files += 1
        letters += len(found.deadletters)
        # Forks and archived files repeat turns; each is shown once, as it would be in the line.
        turns = [turn for turn in found.turns if turn.id not in seen]
        seen.update(turn.id for turn in turns)
        if as_json:
            _print_json(turns)
        else:
            _print_table(path, turns)
        _print_rest(found, explain=explain, to_error=as_json)
    click.echo(
        f"{len(seen)} turns in {files} files"
        + (f", {letters} lines not readable" if letters else "")
        + (f", {failed} files not readable" if failed else ""),
        err=True,
    )
    if failed:
        raise CommandError(f"{failed} of {files + failed} files could not be read")


def sessions(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the session files: those named, and in directories those that OpenClaw wrote.

    Raises:
        CommandError: a path is not there, or a directory has none.
    """
    from streams.tail.names import parse

    for path in paths:
        if not path.exists():
            raise CommandError(f"{path} is not there")
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            each
            for each in path.rglob("*.jsonl*")
            if (each.parent.name == "sessions" or each.parent == path)
            and each.is_file()
            and parse(each.name)
        )
        if not found:
            raise CommandError(f"there are no session files in {path}; they are *.jsonl files")
        yield from found


def _print_json(turns: list[Turn]) -> None:
    out = sys.stdout.buffer
    for turn in turns:
        out.write(turn.to_bytes() + b"\n")
    out.flush()


def _print_table(path: Path, turns: list[Turn]) -> None:
    from streams.supervisor.feed.lines import Style, brief, shorten

    style = Style()
    click.secho(f"{path}", bold=True)
    for turn in turns:
        about = brief(turn.model_dump())
        failed = sum(1 for result in turn.results if result.is_error)
        trouble = f", {failed} failed" if failed else ""
        asked = shorten(turn.request, 90) or "(no words)"
        click.echo(f"  {style.time(turn.ended_ms)}  {asked}")
        click.echo(f"    {len(turn.calls)} calls{trouble}: {about.tools}")
        click.echo(f"    answer: {shorten(turn.answer, 90) or '(none)'}")
        origin = "" if turn.trigger == "user" else f"started by {turn.trigger}, "
        click.echo(f"    {origin}closed by {turn.closed_by}, id {turn.id}")
    if not turns:
        click.echo("  no turns")


def _print_rest(found: FileExtract, *, explain: bool, to_error: bool) -> None:
    for letter in found.deadletters:
        click.echo(f"  not readable at byte {letter.position}: {letter.reason}", err=True)
    if explain:
        for each in found.explanations:
            entry = f" (entry {each.entry_id})" if each.entry_id else ""
            click.echo(f"  no turn: byte {each.offset}{entry}: {each.reason}", err=to_error)
