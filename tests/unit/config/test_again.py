"""A configuration file that is read while somebody may be at it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tocsin import AlertConfig, ConfigError, load_config
from tocsin.config.again import TRIES, differing, path_of, read_again, refuse_what_is_fixed
from tocsin.config.table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.config.settings import Origin

ONE, TWO = "cpu_threshold = 81\n", "cpu_threshold = 82\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tocsin.toml"
    path.write_text(ONE)
    return path


def origin_of(path: Path) -> Origin:
    origin = load_config(path).origin
    assert origin is not None
    return origin


class Meanwhile:
    """Stands for waiting: something happens in it, as often as there is something to happen."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self.acts = list(acts)
        self.waits = 0

    def __call__(self, _seconds: float) -> None:
        self.waits += 1
        if self.acts:
            self.acts.pop(0)()


def write(path: Path, text: str, *, at_s: float) -> None:
    path.write_text(text)
    os.utime(path, (at_s, at_s))


def test_a_file_at_rest_is_read_after_one_wait(file: Path) -> None:
    meanwhile = Meanwhile()
    assert read_again(origin_of(file), pause=meanwhile).cpu_threshold == 81.0
    assert meanwhile.waits == 1


def test_a_file_that_is_being_written_is_read_when_it_is_complete(file: Path) -> None:
    origin = origin_of(file)
    meanwhile = Meanwhile(
        lambda: write(file, "", at_s=1000),
        lambda: write(file, "cpu_thr", at_s=1001),
        lambda: write(file, TWO, at_s=1002),
    )
    assert read_again(origin, pause=meanwhile).cpu_threshold == 82.0
    assert meanwhile.waits == 4


def test_a_file_that_never_comes_to_rest_is_refused(file: Path) -> None:
    origin = origin_of(file)
    meanwhile = Meanwhile(*(lambda at=at: write(file, ONE, at_s=1000 + at) for at in range(TRIES)))
    with pytest.raises(ConfigError, match=r"being written to for 2 s, expected one that is complete"):
        read_again(origin, pause=meanwhile)
    assert meanwhile.waits == TRIES


def test_an_empty_file_is_refused_and_one_with_a_comment_means_the_defaults(file: Path) -> None:
    origin = origin_of(file)
    file.write_text("")
    with pytest.raises(ConfigError, match="an empty file"):
        read_again(origin, pause=Meanwhile())
    file.write_text("# nothing\n")
    assert read_again(origin, pause=Meanwhile()) == AlertConfig()


def test_a_file_that_is_gone_is_refused(file: Path) -> None:
    origin = origin_of(file)
    file.unlink()
    with pytest.raises(ConfigError, match="no file at this path"):
        read_again(origin, pause=Meanwhile())


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_a_link_that_is_exchanged_while_it_is_looked_at_is_followed_anew(tmp_path: Path) -> None:
    for name, text in (("one", ONE), ("two", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tocsin.toml").write_text(text)
    data = tmp_path / "..data"
    data.symlink_to("one")
    path = tmp_path / "tocsin.toml"
    path.symlink_to(Path("..data") / "tocsin.toml")

    def swap() -> None:
        fresh = tmp_path / "..fresh"
        fresh.symlink_to("two")
        fresh.replace(data)

    origin = origin_of(path)
    assert read_again(origin, pause=Meanwhile(swap)).cpu_threshold == 82.0
    assert read_again(origin, pause=Meanwhile()).cpu_threshold == 82.0


def test_a_relative_path_keeps_its_meaning_wherever_the_process_goes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    write(file, 'state_dir = "state"\n[storage]\ndirectory = "probe"\n', at_s=1000)
    config = load_config("tocsin.toml")
    assert config.origin is not None
    assert path_of(config.origin) == Path("tocsin.toml")
    (file.parent / "elsewhere").mkdir()
    monkeypatch.chdir(file.parent / "elsewhere")
    assert path_of(config.origin) == file
    again = read_again(config.origin, pause=Meanwhile())
    assert again.state_dir != config.state_dir
    assert differing(config, again, config.origin.folder) == []


def test_what_was_replaced_since_is_no_difference(file: Path) -> None:
    config = load_config(file).replace(name="other", storm_after=5)
    assert config.origin is not None
    read = read_again(config.origin, pause=Meanwhile())
    assert differing(config.as_read(), read, config.origin.folder) == []
    write(file, TWO, at_s=1000)
    read = read_again(config.origin, pause=Meanwhile())
    taken = config.taking(read, differing(config.as_read(), read, config.origin.folder))
    assert (taken.name, taken.storm_after, taken.cpu_threshold) == ("other", 5, 82.0)
    assert taken.as_read() == read


def test_a_configuration_that_was_made_in_python_comes_from_no_file() -> None:
    assert AlertConfig().origin is None
    assert AlertConfig().replace(name="x").as_read().name == "x"


def test_each_setting_that_is_fixed_is_refused_with_its_reason() -> None:
    fixed = [key for key, setting in SETTINGS.items() if setting.fixed]
    assert fixed == [
        "name", "buffer_budget", "state_dir", "record", "components", "memory", "storage", "series_points", "control",
        "web", "health",
    ]  # fmt: skip
    with pytest.raises(ConfigError) as refused:
        refuse_what_is_fixed(AlertConfig(), AlertConfig(name="other"), [*fixed, "cpu_threshold"], Path("tocsin.toml"))
    assert [problem.key for problem in refused.value.problems] == fixed
    assert str(refused.value.problems[0]) == (
        "tocsin.toml: name: found 'other', expected '' as at the start, since the program is known by it; "
        "to change it, start again"
    )
