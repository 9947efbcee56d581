"""The page's own files: how they travel, and how much they are."""

from __future__ import annotations

import gzip
import hashlib
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tocsin.web.files import FOLDER, LEAN, VENDOR, Files, lean

if TYPE_CHECKING:
    from pathlib import Path

OWN = sorted(
    path
    for path in FOLDER.rglob("*")
    if path.suffix in {".js", ".css", ".html"} and not {"vendor", LEAN} & set(path.parts)
)

# Names of things that look like addresses; nothing is fetched from them.
NAMES = ("https://www.speedscope.app",)


def test_comments_and_indentation_stay_at_home() -> None:
    assert lean(b"// why\nlet a = 1;\n  // more\n  a += 1; // kept\n", ".js") == b"let a = 1;\na += 1; // kept\n"
    assert lean(b"// text\n", ".txt") == b"// text\n"


def test_what_was_made_lean_is_served_only_while_its_source_is_the_same(tmp_path: Path) -> None:
    source = b"// why\nexport const answer = 6 * 7;\n"
    (tmp_path / "main.js").write_bytes(source)
    (tmp_path / LEAN).mkdir()
    (tmp_path / LEAN / "main.js").write_bytes(b"export const answer=42;")
    (tmp_path / LEAN / "sources.txt").write_text(f"{hashlib.sha256(source).hexdigest()}  main.js\n")
    found = Files(tmp_path).get("main.js")
    assert found is not None
    assert found.plain == b"export const answer=42;"
    assert Files(tmp_path).get(f"{LEAN}/main.js") is None, "it has one address"

    (tmp_path / "main.js").write_bytes(source.replace(b"6", b"5"))
    changed = Files(tmp_path).get("main.js")
    assert changed is not None
    assert changed.plain == b"export const answer = 5 * 7;\n"


def test_a_page_that_was_made_is_all_served_as_it_was_made() -> None:
    if not (FOLDER / LEAN / "sources.txt").is_file():
        pytest.skip("nobody ran make page here")
    files = Files()
    made = [path for path in OWN if path.suffix in {".js", ".css"}]
    stale = [path.name for path in made if not _is_as_made(files, str(path.relative_to(FOLDER)))]
    assert stale == [], "run make page"


def _is_as_made(files: Files, name: str) -> bool:
    found, made = files.get(name), FOLDER / LEAN / name
    return found is not None and made.is_file() and found.plain == made.read_bytes()


def test_all_that_a_page_loads_is_at_most_sixty_kilobytes_compressed() -> None:
    files = Files()
    if not files.is_whole():
        pytest.skip("the page's libraries are not here: make page")
    names = [str(path.relative_to(FOLDER)) for path in OWN if path.name != "bare.html"] + ["icon.svg", *VENDOR]
    found = [files.get(name) for name in names]
    assert sum(len(one.packed) for one in found if one is not None) <= 60_000
    assert all(gzip.decompress(one.packed) == one.plain for one in found if one is not None)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_stands_inline_and_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    for address in re.findall(r"https?://[^\s\"'`)]+", text):
        assert address.startswith(("http://www.w3.org/", "https?:", *NAMES)), address
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    assert "dangerouslySetInnerHTML" not in text
    assert "innerHTML" not in text
    assert not re.search(r"\beval\(|new Function", text)


def test_every_module_that_is_imported_is_there() -> None:
    for path in OWN:
        if path.suffix == ".js":
            for name in re.findall(r'(?:from |import\()"(\.[^"]+)"', path.read_text("utf-8")):
                target = (path.parent / name).resolve()
                assert target.is_file() or str(target.relative_to(FOLDER)) in VENDOR, f"{path.name} imports {name}"


def test_what_the_first_view_asks_for_is_on_its_way_before_any_script_runs() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    asked = set(re.findall(r'<link rel="preload" as="fetch" crossorigin href="api/v1/([^"]+)">', page))
    assert asked == {"session", "panels", "readings?since_s=600", "alerts?since_s=604800", "rules", "silences"}
    loaded = set(re.findall(r'<link rel="modulepreload" href="static/([^"]+)">', page)) | {"main.js"}
    needed = {"main.js"}
    while (
        more := {
            str((FOLDER / name).parent.joinpath(found).resolve().relative_to(FOLDER))
            for name in needed
            if not name.startswith("vendor/")
            for found in re.findall(r'from "(\.[^"]+)"', (FOLDER / name).read_text("utf-8"))
        }
        - needed
    ):
        needed |= more
    assert loaded == needed, "what is imported at once, and no more"


def test_whatever_is_served_travels_in_the_wheel() -> None:
    settings = tomllib.loads((FOLDER.parents[3] / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["tocsin"]
    served = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert [path.name for path in served if f"**/*{path.suffix}" not in patterns] == []
