from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.unit.sensors.descriptors import held

from tocsin.sensors.storage import once, place
from tocsin.sensors.storage.once import probe_storage


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def on_disk(tmp_path: Path) -> Path:
    if probe_storage(tmp_path).duration_s is None:
        pytest.skip("the folder for temporary files is in memory here")
    return tmp_path


def test_a_synced_write_takes_time(on_disk: Path) -> None:
    result = probe_storage(on_disk)
    assert result.duration_s is not None
    assert 0 < result.duration_s < 30
    assert result.reason == ""
    assert result.path == str(on_disk)


def test_the_file_is_never_seen_in_the_folder(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    sync = place.sync

    def look(fd: int) -> None:
        seen.append(names(on_disk))
        sync(fd)

    monkeypatch.setattr(once, "sync", look)
    assert probe_storage(on_disk).duration_s is not None
    assert seen == [[]]
    assert names(on_disk) == []


def test_where_nameless_files_are_unknown_the_name_is_gone_at_once(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.delattr(os, "O_TMPFILE")
    monkeypatch.setattr(tempfile, "_O_TMPFILE_WORKS", False)
    seen: list[list[str]] = []
    sync = place.sync

    def look(fd: int) -> None:
        seen.append(names(on_disk))
        sync(fd)

    monkeypatch.setattr(once, "sync", look)
    assert probe_storage(on_disk).duration_s is not None
    assert seen == [[]]
    assert names(on_disk) == []


def test_nothing_stays_open_or_behind_when_the_disk_fails(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(once, "sync", fail)
    result = probe_storage(on_disk)
    assert result.duration_s is None
    assert "Input/output error" in result.reason
    assert names(on_disk) == []
    assert held(str(on_disk)) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no folder in memory here")
def test_memory_is_no_storage_and_the_reason_says_so() -> None:
    result = probe_storage(Path("/dev/shm"))
    assert result.duration_s is None
    assert "tmpfs" in result.reason
    assert "memory" in result.reason


def test_a_link_into_memory_is_seen_through(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    (proc / "self" / "mountinfo").write_text(f"1 1 0:9 / {real} rw - tmpfs tmpfs rw\n")
    assert probe_storage(tmp_path / "link", proc=proc).duration_s is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = probe_storage(tmp_path / "nowhere")
    assert result.duration_s is None
    assert "nowhere" in result.reason


def test_without_mountinfo_storage_is_probed(tmp_path: Path) -> None:
    assert probe_storage(tmp_path, proc=tmp_path / "no proc").duration_s is not None


def test_the_folder_is_the_one_that_tempfile_would_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert probe_storage(proc=tmp_path).path == str(tmp_path)
    monkeypatch.delitem(sys.modules, "tempfile")
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv("TMPDIR", str(named))
    assert probe_storage(proc=tmp_path).path == str(named)
    assert names(named) == []
