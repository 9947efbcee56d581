"""`tocsin run`: the real interpreter on the user's program, with Tocsin on board.

The interpreter imports `sitecustomize` from the first place on its path that has one. We put a folder of ours there and
become that interpreter, so pid, signals, exit code, argv, tracebacks and `__main__` are its own and not an imitation.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOOTSTRAP: Final = Path(__file__).with_name("bootstrap")
# Flags with which the interpreter looks at no PYTHONPATH, or for no sitecustomize.
_DEAF_FLAGS: Final = "EIS"
_VALUE_FLAGS: Final = "WX"
_PROGRAM_FLAGS: Final = "cm"


class _Verbatim(click.Command):
    """Takes its own options from the front only: from the program's first word on, all belongs to the program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own, program = split_args(args)
        ctx.meta["tocsin.program"] = program
        return super().parse_args(ctx, own)


def split_args(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the words behind `tocsin run` into its own options and what goes to the interpreter, untouched."""
    at = 0
    while at < len(args):
        word = args[at]
        if word == "--":
            return list(args[:at]), list(args[at + 1 :])
        if word in {"--config", "--name"}:
            at += 2
        elif word in {"-h", "--help", "--leaks", "--web"} or word.startswith(("--config=", "--name=")):
            at += 1
        else:
            break
    return list(args[:at]), list(args[at:])


@click.command(cls=_Verbatim, options_metavar="[--config FILE] [--name NAME] [--leaks] [--web] [--]")
@click.option("--config", metavar="FILE", help="The configuration; by default the tocsin.toml of this folder, if any.")
@click.option("--name", metavar="NAME", help="The program's name in alerts and for `tocsin status`.")
@click.option("--leaks", is_flag=True, help="Look each second, and print at the exit what the program leaks.")
@click.option("--web", is_flag=True, help="Serve the page, and print its link (extra `web`).")
@click.argument("program", nargs=-1, metavar="SCRIPT | -m MODULE | -c CODE [ARGS]...")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    config: str | None,
    name: str | None,
    leaks: bool,
    web: bool,
    program: tuple[str, ...],  # noqa: ARG001 - see parse_args
) -> NoReturn:
    """Run a Python program and watch it from inside.

    What follows the options of `tocsin run` is handed to the Python interpreter as it stands, and the exit code is the
    program's own. With TOCSIN_DISABLED=1 the program runs as if started by Python itself.
    """
    words: list[str] = ctx.meta["tocsin.program"]
    if not words:
        raise click.UsageError("name a program: tocsin run SCRIPT, or tocsin run -m MODULE")
    environment = dict(os.environ)
    if os.environ.get("TOCSIN_DISABLED") != "1":
        flags, started_as = read_interpreter_words(words)
        deaf = next((flag for flag in flags if flag in _DEAF_FLAGS), None)
        if deaf:
            click.echo(f"tocsin: python -{deaf} ignores what tocsin run adds; the program runs unwatched", err=True)
        else:
            environment |= _for_the_bootstrap(config, name, started_as)
            environment |= {"TOCSIN_RUN_LEAKS": "1"} if leaks else {}
            environment |= _for_the_page() if web else {}
    _become([sys.executable, *words], environment)


def read_interpreter_words(words: Sequence[str]) -> tuple[str, str]:
    """Read a command line of the interpreter as far as the program.

    Returns: the one-letter flags in front of the program, and a name for the program.
    """
    flags = ""
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word.startswith("--"):
            continue
        for at, letter in enumerate(word[1:], start=2):
            if letter in _PROGRAM_FLAGS:
                module = (word[at:] or "".join(rest[:1])) if letter == "m" else ""
                return flags, module or "python"
            flags += letter
            if letter in _VALUE_FLAGS:
                del rest[: 0 if word[at:] else 1]
                break
    return flags, _name_of_script(rest[0]) if rest else "python"


def _name_of_script(script: str) -> str:
    path = Path(script)
    if path.name == "__main__.py":
        path = path.absolute().parent
    return "python" if script == "-" else path.stem or "python"


def _for_the_bootstrap(config: str | None, name: str | None, started_as: str) -> dict[str, str]:
    """What the bootstrap needs to know; it takes all of it away again before the program begins.

    Raises: ConfigError: if the configuration is wrong, so that it is told before the program starts.
    """
    from tocsin.config import find_config, load_config  # noqa: PLC0415 - not for the help, nor for TOCSIN_DISABLED

    added = {}
    path = Path(config) if config else find_config()
    if path is not None:
        settings = load_config(path)
        settings.make_channels()
        name = name or settings.name
        added["TOCSIN_RUN_CONFIG"] = str(path.absolute())
    before = os.environ.get("PYTHONPATH")
    if before is not None:
        added["TOCSIN_RUN_PYTHONPATH"] = before
    # An empty part of PYTHONPATH would mean the current folder.
    path_first = os.pathsep.join(filter(None, [str(BOOTSTRAP), before]))
    return {**added, "TOCSIN_RUN_NAME": name or started_as, "PYTHONPATH": path_first}


def _for_the_page() -> dict[str, str]:
    """What the bootstrap is told of the page. Raises ConfigError if it cannot be served."""
    from tocsin.web import check_installed  # noqa: PLC0415 - as above

    check_installed()
    return {"TOCSIN_RUN_WEB": "1"}


def _become(argv: list[str], environment: Mapping[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(argv[0], argv, environment)  # noqa: S606 - it is the user's own command line, and no shell reads it
    # Windows' exec starts a second process and ends the first, so the shell would not wait. The console sends Ctrl-C to
    # both processes: the program decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.call(argv, env=environment))  # noqa: S603 - as above
