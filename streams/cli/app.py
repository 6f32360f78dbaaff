"""The `clawback` command itself, and how what fails is told."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from streams.cli.errors import CommandError
from streams.cli.exits import FAILED, INTERRUPTED, OK
from streams.cli.samples import HOME, point_at

COMMANDS = {
    "init": "Write a settings file with every default explained.",
    "extract": "Show the turns that session files hold, without any broker.",
    "run": "Run the whole line, all day, under one supervisor.",
    "worker": "Run single stages in this process.",
    "judges": "Find out what the judges are worth.",
    "pairs": "Look at preference pairs, review them, make data sets of them.",
    "train": "Train on what has gathered, or see when that is.",
    "replay": "Have history judged by another panel, or cut and filtered by other rules.",
    "panels": "Compare panels, and choose the one that counts.",
    "models": "Look at trained models, choose the one that serves.",
    "deadletters": "Look at what could not be read, and send it again.",
    "forget": "Remove a session, or what matches a pattern, for good.",
    "status": "Show how far each stage has come, and how the processes are.",
    "doctor": "Check that everything clawback needs is there.",
}
"""Each command's module in this package, and its line in --help."""

EPILOG = """
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 not running (status), 4 something is
unhealthy (status, doctor, run --until-idle), 5 another run holds the home, 130 interrupted.
"""


class Commands(click.Group):
    """Imports a command's module when it is called, so that --help and the others stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"streams.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; that its output's reader, such as `head`, has seen enough is no failure.

        Not in `main`, as click itself ends there with 1.
        """
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python would complain again at exit.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
        return code

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command; tell what fails in one line, or with a traceback under --verbose."""
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(arguments, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a page
            if "--verbose" in arguments or "-v" in arguments:
                traceback.print_exc()
            else:
                click.echo(
                    f"clawback: {type(error).__name__}: {error} (--verbose tells where)", err=True
                )
            code = FAILED
        sys.exit(code if isinstance(code, int) else OK)


@click.command(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings file. Else $CLAWBACK_CONFIG, ./clawback.toml, ~/.clawback/clawback.toml.",
)
@click.option("--samples", is_flag=True, help="Look at what `run --samples` makes here.")
@click.option("-v", "--verbose", is_flag=True, help="Tell more, and where errors come from.")
@click.version_option(package_name="clawback", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: Path | None, samples: bool, verbose: bool) -> None:
    """Turn an assistant's own session logs into a model you run at home.

    \b
    Start with:
      clawback run --samples     see the line at work on sample sessions
      clawback --samples status  see what became of them; any other command as well
      clawback init              write a settings file
      clawback run               follow your own sessions
    """
    if samples:
        home = HOME.absolute()
        if not home.is_dir():
            raise CommandError(f"there are no samples in {home}; see: clawback run --samples")
        point_at(home)
    ctx.obj = Options(config, verbose)


class Options:
    """What stands before the command's name."""

    def __init__(self, config: Path | None = None, verbose: bool = False) -> None:
        self.config = config
        self.verbose = verbose


__all__ = ["CommandError", "Options", "cli"]
