"""The runbooks: one for each default rule, short, in three parts, and true to what exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin import AlertConfig, runbooks
from tocsin.cli import VERBS
from tocsin.errors import RunbookNotFound
from tocsin.model.levels import AlertCondition
from tocsin.model.metrics import CATALOGUE
from tocsin.model.units import format_value

if TYPE_CHECKING:
    from tocsin import AlertRule

RULES = {rule.name: rule for rule in AlertConfig().all_rules()}
HEADINGS = ["## What it means", "## What to look at", "## What to do"]
EACH = pytest.mark.parametrize("name", runbooks.names())


def test_every_default_rule_has_a_runbook_and_no_runbook_is_without_a_rule() -> None:
    assert runbooks.names() == tuple(sorted(RULES))


@EACH
def test_it_is_headed_by_its_rule_and_has_three_parts_with_something_in_each(name: str) -> None:
    head, *parts = re.split(r"(?m)^(?=## )", runbooks.text(name))
    assert head == f"# {name}\n\n"
    assert [part.splitlines()[0] for part in parts] == HEADINGS
    means, look, do = (part.partition("\n\n")[2].strip() for part in parts)
    assert means.endswith(".")
    for listed in (look, do):
        assert all(line.startswith(("- ", "  ")) for line in listed.splitlines())
        assert listed.startswith("- ")


@EACH
def test_it_is_short_and_fits_the_terminal(name: str) -> None:
    lines = runbooks.text(name).splitlines()
    assert 8 <= sum(bool(line) for line in lines) <= 20
    assert max(map(len, lines)) <= 80


@EACH
def test_it_names_what_its_rule_looks_at_and_only_metrics_that_exist(name: str) -> None:
    coded = re.findall(r"`([^`]+)`", runbooks.text(name))
    metrics = {
        word for code in coded for word in re.findall(r"\b(?:system|container|process|tocsin|cpython)\.[\w.]+", code)
    }
    assert RULES[name].metric in metrics
    assert metrics <= set(CATALOGUE)


@EACH
def test_the_commands_and_rules_that_it_names_exist(name: str) -> None:
    text = runbooks.text(name)
    assert set(re.findall(r"\btocsin (\w[\w-]*)", text)) <= set(VERBS)
    named = set(re.findall(r"\b[a-z]+(?:-[a-z]+)*-(?:high|blocked|growth|leak)\b", text))
    assert named <= set(RULES)


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES.values() if rule.unit in {"1", "s"}], ids=lambda rule: rule.name
)
def test_a_share_or_a_time_that_its_rule_judges_by_is_the_one_that_it_tells(rule: AlertRule) -> None:
    judged_by = (
        str(rule.min_change) if rule.condition is AlertCondition.ANOMALOUS else format_value(rule.limit, rule.unit)
    )
    in_words = {"memory-pressure": "a fifth of the time", "container-throttled": "half of its periods"}
    in_words["program-cpu-unusual"] = "a quarter of a core"
    assert in_words.get(rule.name, judged_by) in " ".join(runbooks.text(rule.name).split())


@pytest.mark.parametrize("name", ["memory-hihg", "../__init__", "", "cpu-high.md", "/etc/passwd", "cpu-high\0"])
def test_what_is_no_runbook_is_never_looked_for_on_the_disk(name: str) -> None:
    with pytest.raises(RunbookNotFound, match=r"no runbook is called"):
        runbooks.text(name)


def test_a_slip_is_answered_with_the_nearest() -> None:
    with pytest.raises(RunbookNotFound, match=r"did you mean 'memory-high'\?"):
        runbooks.text("memory-hihg")


def test_they_travel_in_the_wheel(tmp_path: Path) -> None:
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not here; pip brings its own for a build")
    root = Path(__file__).parents[3]
    told = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    attributes = {
        "packages": ["tocsin", "tocsin.runbooks"],
        "package_dir": {"": "src"},
        "package_data": told["package-data"],
        "include_package_data": told["include-package-data"],
        "script_name": "setup.py",
    }
    # In a process of its own: setuptools puts its own distutils in the place of the interpreter's.
    code = f"""
import setuptools
build = setuptools.Distribution({attributes!r}).get_command_obj("build_py")
build.build_lib = {str(tmp_path)!r}
build.ensure_finalized()
print(*build.get_outputs(include_bytecode=False), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    carried = {Path(line).name for line in done.stdout.splitlines() if line.endswith(".md")}
    assert carried == {f"{name}.md" for name in runbooks.names()}
