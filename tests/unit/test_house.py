"""What the house promises of its own shape, and no linter sees."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import tocsin

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
MODULES = sorted((SRC / "tocsin").rglob("*.py"))

HEAVY = {"asyncio", "psutil", "msgspec", "psygnal", "urllib3", "click", "rich", "sqlite3", "logging"}
UNIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc"}
MAX_LINES = 500

# Written in pieces, so that this file does not find itself.
REGISTRIES = [
    "py" + r"pi\.org",
    "python" + "hosted",
    "npm" + r"js\.(?:org|com)",
    "crates" + r"\.io",
    "deb" + r"\.debian",
    "proxy" + r"\.golang",
]
MACHINE_PATHS = [f"/{folder}/" for folder in ("wo" + "rk", "ro" + "ot", "ho" + r"me/\w+", "Us" + r"ers/\w+")]
STRANGE = re.compile(f"{'|'.join(REGISTRIES)}|(?<![\\w.}}])(?:{'|'.join(MACHINE_PATHS)})")


def repository_files() -> list[Path]:
    """All files that are, or are about to be, in the repository."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout")
    listing = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def imported_at_module_level(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and top-level name of each import that runs when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name.split(".")[0]) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module.split(".")[0]
            case _:
                yield from imported_at_module_level(node)


def test_importing_tocsin_loads_nothing_heavy() -> None:
    # -S: without site-packages. What the face needs is in the standard library, and what is loaded, it loaded itself.
    program = "import sys, tocsin; print(*sorted(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert HEAVY & set(done.stdout.split()) == set()


def test_no_module_imports_a_unix_module_at_module_level() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in MODULES
        for line, name in imported_at_module_level(ast.parse(path.read_text("utf-8")))
        if name in UNIX_ONLY
    ]
    assert found == []


@pytest.mark.parametrize(
    "code", ["import fcntl", "from resource import getrusage", "try:\n  import pwd, os\nexcept ImportError: ..."]
)
def test_a_unix_module_at_module_level_is_seen(code: str) -> None:
    assert UNIX_ONLY & {name for _, name in imported_at_module_level(ast.parse(code))}


@pytest.mark.parametrize("code", ["def f():\n  import fcntl", "if TYPE_CHECKING:\n  import resource", "import os"])
def test_a_unix_module_where_it_is_needed_is_allowed(code: str) -> None:
    assert not UNIX_ONLY & {name for _, name in imported_at_module_level(ast.parse(code))}


def test_no_file_of_the_source_is_longer_than_500_lines() -> None:
    sources = [path for path in (SRC / "tocsin").rglob("*") if path.suffix in {".py", ".pyi", ".c", ".h", ".sql"}]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in sources}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}


def test_every_file_and_folder_has_a_name_that_says_what_is_in_it() -> None:
    names = [path.relative_to(ROOT) for path in repository_files()]
    assert [str(name) for name in names if NAMELESS & {Path(part).stem.strip("_") for part in name.parts}] == []


def test_no_file_names_a_package_registry_or_a_path_of_somebodys_machine() -> None:
    found = []
    for path in repository_files():
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture or another binary
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line.strip()}" for n, line in enumerate(lines, 1) if STRANGE.search(line)
        ]
    assert found == []


@pytest.mark.parametrize("text", ["https://" + "py" + "pi.org/simple", "see /ro" + "ot/x.py", '"/ho' + 'me/jo/x"'])
def test_a_strange_address_or_path_is_seen(text: str) -> None:
    assert STRANGE.search(text)


@pytest.mark.parametrize("text", ["/var/lib/tocsin", "https://example.org/wo" + "rk/", "src/wo" + "rk/", "/ho" + "me"])
def test_an_ordinary_address_or_path_is_allowed(text: str) -> None:
    assert not STRANGE.search(text)


def test_the_package_is_of_the_version_that_it_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == tocsin.__version__


@pytest.mark.parametrize("folder", ["benchmarks", "examples", "scripts"])
def test_what_stands_outside_of_the_package_imports_only_what_is_there(folder: str) -> None:
    missing = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.startswith("tocsin.") and importlib.util.find_spec(module) is None:
                missing.append(f"{path.relative_to(ROOT)}: {module}")
    assert missing == []
