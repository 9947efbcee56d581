"""The typing of the public face is whole; `make check` has mypy read it with all other tests."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import tocsin
from tocsin._names import PLACES

API = Path(__file__).with_name("api.py")
ROOT = API.parents[2]


def names_in_use(tree: ast.Module) -> set[str]:
    """Names that are loaded somewhere, and attributes of `tocsin`."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    attributes = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tocsin"
    }
    return names | attributes


def test_every_public_name_is_in_use() -> None:
    assert set(tocsin.__all__) - names_in_use(ast.parse(API.read_text("utf-8"))) == set()


def test_every_public_name_is_there_and_is_what_its_place_has() -> None:
    for name, place in PLACES.items():
        assert getattr(tocsin, name) is getattr(importlib.import_module(place), name)
    assert sorted(tocsin.__all__) == tocsin.__all__ == dir(tocsin)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'tocsin' has no attribute 'Alrt'"):
        _ = tocsin.Alrt


def test_type_checkers_see_each_public_name_where_it_lives() -> None:
    assert tocsin.__file__ is not None
    tree = ast.parse(Path(tocsin.__file__).read_text("utf-8"))
    imports = {
        alias.asname: node.module
        for block in ast.walk(tree)
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is not None  # what is imported for others says `X as X`
    }
    assert imports == PLACES


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_accepts_it() -> None:
    # A cache in the folder that `make check` uses makes this cheap; the package's own errors are that command's matter.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", str(API)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
