"""Every Python and TOML block of README.md and docs/ is run, so that no page promises what the code does not do.

A TOML block is a configuration, or a file of rule tests, which must pass.

A block stands for itself, unless a comment on the line above its fence says otherwise:

    <!-- continues -->           goes on where the page's last Python block stopped
    <!-- not run: reason -->     is not run, and says why
    <!-- needs: package -->      is run where that package is installed; elsewhere what it says of Tocsin is looked up

So it is with the programs of examples/embedding, which stand on frameworks that this project does not depend on.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tocsin import AlertConfig, AlertSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.is_file()]

FENCE = re.compile(r"^\s*(?P<ticks>`{3,})(?P<language>\S*).*$")
RULE_TESTS = re.compile(r"(?m)^\[\[test\]\]")
COMMENT = re.compile(r"^\s*<!--\s*(?P<word>continues|not run|needs)\s*:?\s*(?P<reason>.*?)\s*-->\s*$")


class Block(NamedTuple):
    """One fenced block, or several that continue each other; `line` is that of its first line of code."""

    page: str
    line: int
    language: str
    code: str
    mark: str
    reason: str

    @property
    def name(self) -> str:
        return f"{self.page}:{self.line}"


def fenced(text: str, page: str) -> Iterator[Block]:
    """Yield all fenced blocks of a page, each with the comment above it."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].strip() != fence["ticks"]:
            end += 1
        above = next((line for line in reversed(lines[:at]) if line.strip()), "")
        comment = COMMENT.match(above)
        mark, reason = (comment["word"], comment["reason"]) if comment else ("", "")
        code = textwrap.dedent("\n".join(lines[at + 1 : end])) + "\n"
        yield Block(page, at + 2, fence["language"], code, mark, reason)
        at = end + 1


def joined(blocks: Iterator[Block]) -> list[Block]:
    """Join each Python block that continues to the one before, blank lines between, so that line numbers stay true."""
    stories: list[Block] = []
    for block in blocks:
        if block.mark == "not run" and not block.reason:
            raise ValueError(f"{block.name}: a block that is not run must say why: <!-- not run: reason -->")
        if block.mark == "needs" and not block.reason.isidentifier():
            raise ValueError(f"{block.name}: name the package that is needed: <!-- needs: package -->")
        if block.mark != "continues":
            stories.append(block)
            continue
        last = next((n for n, story in reversed([*enumerate(stories)]) if story.language == "python"), None)
        if last is None or block.language != "python" or stories[last].mark == "not run":
            raise ValueError(f"{block.name}: continues, but no Python block that is run stands before it")
        story = stories[last]
        gap = block.line - story.line - story.code.count("\n")
        stories[last] = story._replace(code=story.code + "\n" * gap + block.code)
    return stories


def cases(language: str) -> list[pytest.ParameterSet]:
    stories = (
        story for page in PAGES for story in joined(fenced(page.read_text("utf-8"), str(page.relative_to(ROOT))))
    )
    return [
        pytest.param(
            story,
            id=story.name,
            marks=pytest.mark.skip(reason=story.reason) if story.mark == "not run" else (),
        )
        for story in stories
        if story.language == language
    ]


def holds_rule_tests(case: pytest.ParameterSet) -> bool:
    [block] = case.values
    assert isinstance(block, Block)
    return RULE_TESTS.search(block.code) is not None


def stand_ins(code: str) -> dict[str, str]:
    """Something in the place of each secret that a page takes from the environment: a URL, which does for all."""
    return {name: f"https://example.org/{name.lower()}" for name in re.findall(r"[\"']env:(\w+)", code)}


def check_names(code: str, name: str) -> None:
    """Look up all that a program takes from Tocsin, without running it. AssertionError: there is no such thing."""
    tree = ast.parse(code, name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "tocsin":
                    importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tocsin":
            room = importlib.import_module(node.module or "")
            assert all(hasattr(room, alias.name) for alias in node.names), f"{name}:{node.lineno}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tocsin":
            room = importlib.import_module("tocsin")
            assert hasattr(room, node.attr), f"{name}:{node.lineno}: tocsin.{node.attr}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "bell":
            assert hasattr(AlertSystem(AlertConfig(channels=[])), node.attr), f"{name}:{node.lineno}: bell.{node.attr}"


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "embedding").glob("*.py")), ids=lambda path: path.name)
def test_an_example_of_embedding_takes_from_tocsin_what_there_is(path: Path) -> None:
    check_names(path.read_text("utf-8"), path.name)


def test_a_name_that_tocsin_does_not_have_is_found_without_running() -> None:
    check_names("import tocsin\ntocsin.watch()\n", "good")
    for code in ("import tocsin\ntocsin.wach()\n", "from tocsin import Wach\n", "bell.registred('gui')\n"):
        with pytest.raises(AssertionError):
            check_names(code, "bad")


@pytest.mark.parametrize("block", cases("python"))
def test_a_python_block_of_the_documentation_runs(block: Block, tmp_path: Path) -> None:
    if block.mark == "needs":
        check_names(block.code, block.name)
        if find_spec(block.reason) is None:
            return  # as far as it can be checked here
    program = tmp_path / "block.py"
    program.write_text("\n" * (block.line - 1) + block.code, encoding="utf-8")
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, **home, **stand_ins(block.code)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, f"{block.name} failed:\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("block", [case for case in cases("toml") if not holds_rule_tests(case)])
def test_a_toml_block_of_the_documentation_is_a_configuration(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin.config import AlertConfig, load_config

    for name, value in stand_ins(block.code).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "tocsin.toml"
    path.write_text(block.code, encoding="utf-8")
    assert load_config(path) != AlertConfig() or not tomllib.loads(block.code)  # each block sets something


@pytest.mark.parametrize("block", [case for case in cases("toml") if holds_rule_tests(case)])
def test_rule_tests_of_the_documentation_pass(block: Block, tmp_path: Path) -> None:
    from tocsin.replay.rule_tests.read import read_tests
    from tocsin.replay.rule_tests.run import run_test

    path = tmp_path / "rules_test.toml"
    path.write_text(block.code, encoding="utf-8")
    results = [run_test(test) for test in read_tests(path)]
    assert results
    assert [result.failures for result in results if not result.passed] == []


def test_secrets_of_a_page_have_stand_ins() -> None:
    assert stand_ins('url = "env:SLACK_URL"') == {"SLACK_URL": "https://example.org/slack_url"}
    assert stand_ins("no secret") == {}


def read(text: str) -> list[Block]:
    return joined(fenced(textwrap.dedent(text), "page.md"))


def test_each_block_stands_for_itself_and_knows_its_line() -> None:
    first, second = read("""\
        Words.

        ```python
        a = 1
        ```

        ```toml
        b = 2
        ```
        """)
    assert (first.name, first.language, first.code) == ("page.md:4", "python", "a = 1\n")
    assert (second.name, second.language, second.code) == ("page.md:8", "toml", "b = 2\n")


def test_a_block_that_continues_joins_the_one_before_with_true_line_numbers() -> None:
    (story,) = read("""\
        ```python
        a = 1
        ```
        <!-- continues -->
        ```python
        a / 0
        ```
        """)
    assert story.code == "a = 1\n\n\n\na / 0\n"
    assert story.line + story.code.splitlines().index("a / 0") == 6


def test_a_fence_inside_a_longer_fence_is_not_a_block() -> None:
    (block,) = read("""\
        ````markdown
        ```python
        a = 1
        ```
        ````
        """)
    assert block.language == "markdown"


def test_a_block_of_a_list_loses_its_indent() -> None:
    (block,) = read("""\
        1. Words

           ```python
           a = 1
           ```
        """)
    assert block.code == "a = 1\n"


def test_a_block_that_is_not_run_must_say_why() -> None:
    with pytest.raises(ValueError, match=r"page\.md:3: a block that is not run must say why"):
        read("<!-- not run: -->\n```python\na = 1\n```\n")


@pytest.mark.parametrize("before", ["", "<!-- not run: it is half a program -->\n```python\na = 1\n```\n"])
def test_a_block_can_not_continue_what_is_not_run(before: str) -> None:
    with pytest.raises(ValueError, match="continues, but no Python block"):
        read(f"{before}<!-- continues -->\n```python\na = 1\n```\n")
