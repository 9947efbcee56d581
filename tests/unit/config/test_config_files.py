"""Files that hold a configuration: where they are found, and what is wrong with them as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.config.documents import load, messages

from tocsin.config import find_config, load_config
from tocsin.config.document import MAX_BYTES
from tocsin.errors import ConfigError


def test_a_missing_file_is_told_with_what_to_do(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("tocsin.toml")

    assert (
        str(caught.value)
        == "tocsin.toml: file: found no file at this path, expected a TOML file; `tocsin init` writes one"
    )


def test_a_folder_is_no_file(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(folder)

    assert (
        str(caught.value) == f"{folder}: file: found a folder, expected a TOML file. Example: {folder / 'tocsin.toml'}"
    )


@pytest.mark.parametrize("path", ["\0", "x" * 5000])
def test_an_impossible_path_is_no_traceback(path: str) -> None:
    with pytest.raises(ConfigError, match="a file that cannot be read"):
        load_config(path)


@pytest.mark.usefixtures("folder")
def test_what_is_not_utf_8_is_told_with_its_line() -> None:
    assert messages(b'\nname = "caf\xe9"') == [
        "tocsin.toml:2: file: found the byte 0xe9, expected UTF-8 text; save the file as UTF-8"
    ]
    assert messages('name = "a"'.encode("utf-16"))[0].startswith("tocsin.toml:1: file: found the byte 0xff")


@pytest.mark.usefixtures("folder")
def test_a_huge_file_is_refused_before_it_is_read() -> None:
    assert messages(b"#" * (MAX_BYTES + 1)) == [
        "tocsin.toml: file: found more than 1 MiB, expected a TOML file of settings"
    ]


@pytest.mark.usefixtures("folder")
def test_endless_nesting_and_endless_numbers_are_mistakes_too() -> None:
    assert messages("name = " + "[" * 100_000)[0].startswith(
        "tocsin.toml: file: found lists or tables within one another"
    )
    assert messages("name = " + "9" * 5_000)[0].startswith(
        "tocsin.toml: syntax: found what TOML does not allow: Exceeds"
    )


def test_paths_in_a_file_are_relative_to_it(folder: Path) -> None:
    (folder / "etc").mkdir()

    assert load('state_dir = "state"', "etc/tocsin.toml").state_dir == Path("etc/state")
    assert load(f"state_dir = '{folder / 'abs'}'", "etc/tocsin.toml").state_dir == folder / "abs"


def test_an_unknown_home_is_a_mistake(folder: Path) -> None:
    assert "the home that '~' stands for is not known" in messages('state_dir = "~no-such-user-here/state"')[0]


def test_a_console_alone_gives_no_reason_to_warn(folder: Path) -> None:
    assert load('[[channel]]\ntype = "console"').warnings == ()


@pytest.mark.usefixtures("folder")
def test_a_pyproject_file_holds_the_settings_in_a_table_of_its_own() -> None:
    own = "[tool.tocsin]\ncpu_threshold = 70\n"
    text = f"[project]\nname = 5\n\n{own}\n[[tool.tocsin.rule]]\nname = 'r'\nmetric = 'a.b'\nthreshold = 5\n"
    config = load(text, "pyproject.toml")

    assert config.cpu_threshold == 70.0
    assert [rule.name for rule in config.rules] == ["r"]


@pytest.mark.usefixtures("folder")
def test_a_mistake_in_a_pyproject_file_has_its_whole_key() -> None:
    text = "[tool.tocsin]\n[[tool.tocsin.rule]]\nname = 'r'\nmetric = 'a.b'\nthreshold = true\n"

    assert messages(text, "pyproject.toml")[0].startswith(
        "pyproject.toml:5: tool.tocsin.rule[0].threshold: found true,"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["", "[tool]\n", "[tool.other]\n", "tool = 5\n", "[tool]\ntocsin = 5"])
def test_a_pyproject_file_without_the_table_is_a_mistake(text: str) -> None:
    assert messages(text, "pyproject.toml") == [
        "pyproject.toml: tool.tocsin: found no such table, expected a table [tool.tocsin]"
    ]


def test_the_own_file_is_found_before_pyproject(folder: Path) -> None:
    assert find_config(folder) is None

    (folder / "pyproject.toml").write_text("[project]\nname = 'x'  # not [tool.tocsin]\n")
    assert find_config(folder) is None

    (folder / "pyproject.toml").write_text("[tool . tocsin]\n")
    assert find_config(folder) == folder / "pyproject.toml"
    assert find_config() == Path("pyproject.toml")

    (folder / "pyproject.toml").write_text("[[tool.tocsin.rule]]\n")
    assert find_config(folder) == folder / "pyproject.toml"

    (folder / "tocsin.toml").write_text("")
    assert find_config(folder) == folder / "tocsin.toml"


def test_parents_are_not_searched(folder: Path) -> None:
    (folder / "tocsin.toml").write_text("")
    (folder / "below").mkdir()

    assert find_config(folder / "below") is None
    assert find_config(folder / "nowhere") is None
