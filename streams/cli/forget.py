"""`clawback forget`: remove what a person wants out, from everything that clawback keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from streams.cli.common import find_settings, read_settings
from streams.cli.errors import CommandError
from streams.cli.exits import BUSY, OK, USAGE

if TYPE_CHECKING:
    from schemas.settings import Settings
    from streams.cli.app import Options
    from streams.forget.forget import Forgot
    from streams.forget.keeper import Keeper


@click.command()
@click.argument("target", metavar="SESSION|PATTERN", required=False)
@click.option("--regex", is_flag=True, help="PATTERN is a regular expression, not a text.")
@click.option("--resume", is_flag=True, help="Finish what was cut off; names no target.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; needs --yes or --dry-run.")
@click.pass_obj
def command(
    options: Options,
    target: str | None,
    regex: bool,
    resume: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove a session, or what matches a pattern, for good.

    SESSION is a session's id. PATTERN is a text as it was written by you, the assistant or a
    tool; every log line with it goes, every turn with such a line, and all that was made of those
    turns, wherever clawback keeps it: judgements, verdicts, pairs, lines in turns/ and pairs/.
    What is removed does not come back when session files are read again; OpenClaw's own files
    are not touched.

    The line must be stopped (exit code 5 if it runs), on Kafka on all machines. Afterwards its
    tables are built anew, which takes a while on a long history. Snapshots that were made before,
    and models trained on them, are named and left to you.

    On Kafka each topic with something to remove is copied, deleted, and made again, with all
    offsets as they were.

    What is cut off is finished by --resume, and by the next forgetting; until then no stage starts.

    \b
    Examples:
      clawback forget 4b2a08b1-6be8-461e-a1ca-99f503e16727
      clawback forget "Dr. Example" --dry-run
      clawback forget --regex "(?i)project +nightjar" --yes
      clawback forget --resume
    """
    if as_json and not (yes or dry_run or resume):
        raise click.UsageError("--json does not ask: add --yes, or --dry-run")
    if resume == (target is not None) or (resume and (dry_run or regex)):
        raise click.UsageError("name what to forget, or --resume alone")
    settings = read_settings(find_settings(options.config))
    with _errors(), _keeper(settings) as keeper:
        found = _finish(settings, keeper, dry=dry_run)
        if found is not None:
            click.echo("finished what had been cut off", err=True)
        if target is not None and not _is_same(found, target, regex=regex):
            ask = not yes and not dry_run
            found = _forget(settings, keeper, target, regex=regex, dry=dry_run, ask=ask)
        elif found is None:
            click.echo("nothing was cut off", err=True)
        others = keeper.others()
    if found is None:
        return OK
    if as_json:
        click.echo(json.dumps(_as_json(found, others, dry=dry_run)))
    else:
        _print(found, others, dry=dry_run)
    return OK


@contextmanager
def _keeper(settings: Settings) -> Iterator[Keeper]:
    """Open what keeps the records, with nobody else at work on it."""
    from streams.broker import log_path
    from streams.forget.alone import alone

    embedded = settings.broker.url == "embedded"
    if embedded and not log_path(settings).exists():
        raise CommandError(f"there is no log in {settings.paths.home}, so nothing to forget")
    with alone(settings):
        if not embedded:
            from streams.forget.onkafka.keeper import KafkaKeeper

            with closing(KafkaKeeper(settings, _waiting)) as kafka:
                kafka.see_idle()
                yield kafka
            return
        from streams.embedded.log import Log
        from streams.forget.keeper import EmbeddedKeeper

        with closing(Log(log_path(settings))) as log:
            yield EmbeddedKeeper(log, settings.paths.home)


def _finish(settings: Settings, keeper: Keeper, *, dry: bool) -> Forgot | None:
    """Finish what was cut off, if something was."""
    from streams.forget.forget import finish

    if dry and keeper.unfinished() is not None:
        raise CommandError("a forgetting was cut off; finish it first: `clawback forget --resume`")
    return finish(settings, keeper)


def _is_same(found: Forgot | None, given: str, *, regex: bool) -> bool:
    """Whether what was finished is what is asked for."""
    return (
        found is not None
        and found.target.given == given
        and (found.target.kind == "regex") == regex
    )


def _forget(
    settings: Settings, keeper: Keeper, given: str, *, regex: bool, dry: bool, ask: bool
) -> Forgot | None:
    from streams.forget.forget import forget, make_target

    target = make_target(settings.paths.home, keeper.records, given, regex=regex)
    if ask:
        _print(forget(settings, keeper, target, dry=True), keeper.others(), dry=True)
        if not click.confirm("Remove all of this for good?", err=True):
            return None
    return forget(settings, keeper, target, dry=dry)


@contextmanager
def _errors() -> Iterator[None]:
    """Tell what fails in one line."""
    from sinks.atomic import ChangedMeanwhileError
    from sinks.output import SinkError
    from streams.embedded.records import LogError
    from streams.flow import BrokerError
    from streams.forget.alone import InUse
    from streams.forget.home import PrivacyError
    from streams.forget.target import BadPattern

    try:
        yield
    except InUse as error:
        raise CommandError(str(error), BUSY) from None
    except BadPattern as error:
        raise CommandError(str(error), USAGE) from None
    except ChangedMeanwhileError as error:
        raise CommandError(
            f"{error} was written to meanwhile; forget once more to finish"
        ) from None
    except (BrokerError, LogError, PrivacyError, SinkError) as error:
        raise CommandError(str(error)) from None


def _waiting(group: str) -> None:
    click.echo(f"waiting until Kafka counts no worker in {group} any more", err=True)


def _as_json(found: Forgot, others: list[str], *, dry: bool) -> dict[str, object]:
    return {
        "dry_run": dry,
        "kind": found.target.kind,
        "sessions": sorted(found.found.sessions),
        "turns": len(found.found.turns),
        "lines": len(found.found.lines),
        "copies_kept_in": sorted(found.found.copies),
        "records": found.records,
        "files": found.files,
        "snapshots_not_changed": found.snapshots,
        "snapshots_unfinished": found.unfinished,
        "still_in": found.left,
        "not_looked_at": others,
        "trained": [asdict(run) for run in found.trained],
    }


def _print(found: Forgot, others: list[str], *, dry: bool) -> None:
    about = {"session": "the session", "text": "the text", "regex": "the pattern"}
    said = "would be removed" if dry else "removed"
    for path in found.left:
        click.echo(
            f"still in {path}, which clawback does not change: look at it yourself", err=True
        )
    for prefix in others:
        click.echo(
            f"not looked at: the topics {prefix}.*, which no lineage of this home has made; if one "
            "of another machine has, delete them, or forget there",
            err=True,
        )
    for path in found.unfinished:
        click.echo(f"{said}: {path}, a snapshot that was never finished")
    if not found.records and not found.files:
        click.echo(f"nothing here is of {about[found.target.kind]}")
        return
    sessions = len(found.found.sessions)
    click.echo(
        f"{said} as {about[found.target.kind]}: {len(found.found.lines)} log lines and "
        f"{len(found.found.turns)} turns of {sessions} session{'s' if sessions != 1 else ''}"
    )
    for topic, count in found.records.items():
        click.echo(f"  {count:7} records of {topic}")
    for path, count in found.files.items():
        click.echo(f"  {count:7} lines of {path}")
    for session in sorted(found.found.copies):
        click.echo(f"  turns of it are also in session {session}, which keeps them")
    _print_trained(found)


def _print_trained(found: Forgot) -> None:
    for path in found.snapshots:
        click.echo(f"  not changed: snapshot {path}; remove it and make another if it holds this")
    for run in found.trained:
        made = f", model {run.model}" if run.model else ""
        said = "has seen it" if run.sure else "may have seen it"
        click.echo(f"  {said}: {run.method} of {run.base_model}, run {run.run} ({run.state}){made}")
    if not found.trained:
        click.echo("  no model was trained on it")
