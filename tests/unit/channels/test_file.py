"""The file: a line a notice, for nobody else's eyes, whole even after a full disk, and bounded."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from tests.peers.notices import DIGEST, FIRING, RESOLVED

from tocsin import ConfigError, DeliveryError, FileAlertChannel
from tocsin.channels.document import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POSIX = pytest.mark.skipif(os.name != "posix", reason="modes and links are those of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "alerts.jsonl"


@pytest.fixture
def open_mask() -> Iterator[None]:
    if os.name != "posix":
        yield
        return
    before = os.umask(0)
    yield
    os.umask(before)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_notice_is_a_line_with_what_a_webhook_gets(path: Path) -> None:
    channel = FileAlertChannel(path)
    for notice in (FIRING, RESOLVED, DIGEST):
        channel.deliver(notice)
    assert lines(path) == [json.loads(json.dumps(document(notice))) for notice in (FIRING, RESOLVED, DIGEST)]


@POSIX
@pytest.mark.usefixtures("open_mask")
def test_nobody_else_may_read_it(path: Path) -> None:
    FileAlertChannel(path).deliver(FIRING)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_stands_in_the_file_stays(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"mine": 1}\n')
    FileAlertChannel(path).deliver(FIRING)
    assert [*lines(path)[0]] == ["mine"]
    assert lines(path)[1]["id"] == FIRING.id


def test_a_line_that_a_full_disk_has_torn_does_not_spoil_the_next(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"torn": ')
    FileAlertChannel(path).deliver(FIRING)
    torn, whole = path.read_text("utf-8").splitlines()
    assert torn == '{"torn": '
    assert json.loads(whole)["id"] == FIRING.id


def test_it_is_begun_anew_before_it_grows_too_large_and_old_ones_are_kept(path: Path) -> None:
    size = len(json.dumps(document(FIRING))) * 2
    channel = FileAlertChannel(path, max_size=size, keep=2)
    for _ in range(20):
        channel.deliver(FIRING)
        assert path.stat().st_size <= size
    names = sorted(one.name for one in path.parent.iterdir())
    assert names == ["alerts.jsonl", "alerts.jsonl.1", "alerts.jsonl.2"]
    for one in path.parent.iterdir():
        assert one.stat().st_size <= size
        assert all(line["id"] == FIRING.id for line in lines(one))


def test_without_old_files_to_keep_only_the_present_one_is_there(path: Path) -> None:
    channel = FileAlertChannel(path, max_size="2 kB", keep=0)
    for _ in range(10):
        channel.deliver(FIRING)
    assert [one.name for one in path.parent.iterdir()] == ["alerts.jsonl"]


def test_a_notice_larger_than_the_bound_is_told_all_the_same(path: Path) -> None:
    channel = FileAlertChannel(path, max_size=1000)
    channel.deliver(FIRING)
    channel.deliver(FIRING)
    assert len(lines(path)) == 1


def test_a_folder_that_was_deleted_is_made_again(path: Path) -> None:
    channel = FileAlertChannel(path)
    channel.deliver(FIRING)
    path.unlink()
    path.parent.rmdir()
    channel.deliver(FIRING)
    assert len(lines(path)) == 1


def test_a_full_disk_is_temporary(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = FileAlertChannel(path)
    real, written = os.write, list[int]()

    def full(fd: int, data: bytes) -> int:
        if written:
            raise OSError(28, "No space left on device")
        written.append(real(fd, data[:50]))
        return written[0]

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DeliveryError, match="No space left on device") as caught:
            channel.deliver(FIRING)
    assert not caught.value.permanent
    channel.deliver(FIRING)
    torn, whole = path.read_text("utf-8").splitlines()
    assert len(torn) == 50
    assert json.loads(whole)["id"] == FIRING.id


def test_a_folder_in_its_place_is_permanent(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as caught:
        FileAlertChannel(tmp_path).deliver(FIRING)
    assert caught.value.permanent
    (tmp_path / "plain").write_text("")
    with pytest.raises(DeliveryError) as caught:
        FileAlertChannel(tmp_path / "plain" / "alerts.jsonl").deliver(FIRING)
    assert caught.value.permanent


@POSIX
def test_a_link_or_a_pipe_in_its_place_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeliveryError):
        FileAlertChannel(tmp_path / "link").deliver(FIRING)
    assert not (tmp_path / "elsewhere").exists()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DeliveryError):
        FileAlertChannel(tmp_path / "pipe").deliver(FIRING)


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    FileAlertChannel("~/alerts.jsonl").deliver(FIRING)
    assert (tmp_path / "alerts.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "where"),
    [({"path": ""}, "path"), ({"path": "a\0b"}, "path"), ({"path": "a", "max_size": "1 s"}, "max_size"),
     ({"path": "a", "keep": -1}, "keep"), ({"path": "a", "keep": True}, "keep")],
)  # fmt: skip
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FileAlertChannel(**options)
    assert [problem.key for problem in caught.value.problems] == [where]
