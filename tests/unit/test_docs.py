"""Every Python and TOML block of README.md and docs/ is run, so that no page promises what the code does not do.

A block stands for itself, unless a comment on the line above its fence says otherwise:

    <!-- continues -->           goes on where the page's last Python block stopped
    <!-- not run: reason -->     is not run, and says why
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if page.is_file()]

FENCE = re.compile(r"^\s*(?P<ticks>`{3,})(?P<language>\S*).*$")
COMMENT = re.compile(r"^\s*<!--\s*(?P<word>continues|not run)\s*:?\s*(?P<reason>.*?)\s*-->\s*$")


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


def stand_ins(code: str) -> dict[str, str]:
    """Something in the place of each secret that a page takes from the environment: a URL, which does for all."""
    return {name: f"https://example.org/{name.lower()}" for name in re.findall(r"[\"']env:(\w+)", code)}


@pytest.mark.parametrize("block", cases("python"))
def test_a_python_block_of_the_documentation_runs(block: Block, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("block", cases("toml"))
def test_a_toml_block_of_the_documentation_is_a_configuration(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin.config import AlertConfig, load_config

    for name, value in stand_ins(block.code).items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "tocsin.toml"
    path.write_text(block.code, encoding="utf-8")
    assert load_config(path) != AlertConfig() or not tomllib.loads(block.code)  # each block sets something


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
