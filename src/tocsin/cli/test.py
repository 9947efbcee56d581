"""`tocsin test`: do the rules do what they are meant to?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from tocsin.channels.text import visible
from tocsin.cli import exits
from tocsin.cli.options import json_option
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.errors import Problem
    from tocsin.replay.rule_tests.run import Failure, Result


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@click.option("--quiet", is_flag=True, help="Show failures alone.")
def command(files: tuple[Path, ...], as_json: bool, quiet: bool) -> int:  # noqa: FBT001 - click hands options over by name
    """Run the tests of rules that stand in TOML files.

    Each test plays readings, silences and maintenance to the engine and compares what follows with what is expected.
    The exit code is 1 if a test fails, and 2 if a file is wrong; then none is run.
    """
    from tocsin.replay.rule_tests.read import read_tests  # noqa: PLC0415 - help should not wait for it
    from tocsin.replay.rule_tests.run import run_test  # noqa: PLC0415 - as above

    tests = []
    problems: list[Problem | ConfigError] = []
    for path in files:
        try:
            tests += read_tests(path)
        except ConfigError as error:
            problems += error.problems or [error]
    if problems:
        raise _all(problems)
    results = []
    for test in tests:
        results.append(run_test(test))
        if not as_json and not (quiet and results[-1].passed):
            click.echo("\n".join(_lines(results[-1])))
    failed = sum(not result.passed for result in results)
    if as_json:
        click.echo(msgspec.json.encode({"passed": len(results) - failed, "failed": failed,
                                        "tests": [_as_dict(result) for result in results]}))  # fmt: skip
    else:
        click.echo(
            f"{len(results)} test{'' if len(results) == 1 else 's'}, {f'{failed} FAILED' if failed else 'all ok'}"
        )
    return exits.FOUND if failed else exits.OK


def _all(problems: list[Problem | ConfigError]) -> ConfigError:
    named = [problem for problem in problems if not isinstance(problem, ConfigError)]
    return ConfigError(named) if named else ConfigError(str(problems[0]))


def _lines(result: Result) -> Iterator[str]:
    test = result.test
    yield f"{test.path}:{test.line}: {'ok' if result.passed else 'FAILED'}: {visible(test.name)}"
    for failure in result.failures:
        yield from _difference(failure)


def _difference(failure: Failure) -> Iterator[str]:
    """Minus is what was expected and is not there, plus what is there and was not expected."""
    yield f"  at {failure.at_s:g}s (line {failure.line}), {failure.what}:"
    for line in failure.missing:
        yield f"    - {visible(line)}"
    for line in failure.unexpected:
        yield f"    + {visible(line)}"
    if failure.way:
        yield "    until then:"
        for line in failure.way:
            yield f"      {visible(line)}"


def _as_dict(result: Result) -> dict[str, Any]:
    test = result.test
    return {
        "file": test.path, "line": test.line, "name": test.name, "passed": result.passed,
        "failures": [msgspec.structs.asdict(failure) for failure in result.failures],
    }  # fmt: skip
