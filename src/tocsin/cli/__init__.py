"""The command line. Each verb has a file of its own, loaded when it is called, so `tocsin --help` is quick.

`main` alone turns errors into messages and exit codes: a user's mistake never ends in a traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

import click

from tocsin import __version__
from tocsin.cli import exits
from tocsin.errors import ConfigError, ControlError, TocsinError

if TYPE_CHECKING:
    from collections.abc import Sequence

# The verbs in the order in which a newcomer needs them. The texts stand here so that help need not load the files.
VERBS: Final = {
    "demo": "Watch a small misbehaving service ring the bell.",
    "run": "Run a Python program and watch it from inside.",
    "status": "Show how a running program does, and its open alerts.",
    "rules": "Show what each rule sees, and why it does not ring.",
    "alerts": "List the alerts of a program, open and over.",
    "explain": "Say why you were, or were not, told of an alert.",
    "runbook": "Show what an alert of a default rule means, and what to do.",
    "ack": "Take care of an alert, so that its repeats stop.",
    "silence": "Tell nobody of the alerts that match, for a time.",
    "deliveries": "List what was told, and send again what was given up.",
    "test-notify": "Try whether the channels reach you.",
    "history": "Show what a program measured, or write it as CSV.",
    "export": "Write the alerts of a journal as lines of JSON.",
    "leaks": "Show what a running program leaks, and where its memory is.",
    "artifacts": "List, show and export what was captured when an alert rang.",
    "web": "Print the link to the page of a running program.",
    "watch": "Watch this machine and, with --pid, one process.",
    "init": "Write a tocsin.toml with every setting explained.",
    "check": "Check a configuration file and name every mistake.",
    "backtest": "Try rules on what was measured, and tell nobody.",
    "test": "Run the tests of your rules.",
    "reload": "Let a running program take its configuration file anew.",
    "doctor": "Say what works here, what does not, and why.",
}
# What a write to a file that stands for the screen may fail of.
_NOT_WRITTEN: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Verbs(click.Group):
    """Loads a verb when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"tocsin.cli.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f"no command is called {args[0]!r}{_meant(args[0])}. The commands are: {', '.join(VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


def _version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if not wanted:
        return
    python = ".".join(map(str, sys.version_info[:3]))
    click.echo(f"tocsin {__version__}, Python {python}")
    ctx.exit()


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Start with: tocsin demo. Exit codes: 0 well, 1 something was found, 2 a wrong call or configuration, "
    "3 no such program runs, 130 Ctrl-C.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    help="Show the version.",
    callback=_version,
)
def cli() -> None:
    """Tocsin watches a Python program from inside, and rings when something needs a person."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code.

    Args:
        args: the words behind `tocsin`; by default those of this process.
    """
    sys.exit(_run(list(sys.argv[1:] if args is None else args)))


def _run(args: list[str]) -> int:
    try:
        # Not `cli.main`: that would take errors for itself, the reader that left among them.
        with cli.make_context("tocsin", args) as context:
            code = cli.invoke(context)
        if sys.stdout is not None:  # None where it was closed before the start
            sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return exits.USAGE
    except ConfigError as error:
        return _say(*(error.problems or [error]), code=exits.USAGE)
    except ControlError as error:
        return _say(error, code=exits.NOT_RUNNING)
    except TocsinError as error:
        return _say(error, code=exits.FOUND)
    except (KeyboardInterrupt, click.Abort):
        return exits.INTERRUPTED
    except OSError as error:
        return _unwritten(error)
    return code if isinstance(code, int) else exits.OK


def _say(*messages: object, code: int) -> int:
    for message in messages:
        click.echo(f"tocsin: {message}", err=True)
    return code


def _unwritten(error: OSError) -> int:
    """Whoever read our output (`| head`) has enough, or a disk is full.

    Raises: OSError: if it has nothing to do with the output.
    """
    code = exits.OK
    if error.errno in _NOT_WRITTEN:
        code = _say(f"the output could not be written: {error.strerror}", code=exits.FOUND)
    elif not isinstance(error, BrokenPipeError):
        raise error
    # The interpreter must not complain of what is left at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _meant(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistyped word

    near = get_close_matches(word, VERBS, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
