"""The folder of artifacts: whole or not at all, within bounds, and private."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.artifacts import ArtifactBounds, ArtifactStore, Head
from tocsin.artifacts.document import decode
from tocsin.artifacts.store import MAX_ARTIFACT_BYTES, PARTIAL_AGE_S
from tocsin.errors import ArtifactNotFound, StoreError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLENTY = 10**15


def a_store(folder: Path, *, free: int = PLENTY, **bounds: float) -> ArtifactStore:
    return ArtifactStore(folder, ArtifactBounds(**bounds), free_bytes=lambda _: free)  # type: ignore[arg-type]


def put(store: ArtifactStore, name: str, *, filler: int = 0, at: datetime = NOW) -> int:
    """Keep an artifact, its file as old as it says."""
    written = store.put(Head(id=name, kind="heap", at=at, alert_id="a1"), {"filler": "x" * filler}, at)
    os.utime(store.folder / f"{name}.json", (at.timestamp(), at.timestamp()))
    return written


def names(store: ArtifactStore) -> list[str]:
    return [one.id for one in store.listed()]


def test_an_artifact_is_private_and_comes_back_as_it_was_put(tmp_path: Path) -> None:
    store = a_store(tmp_path / "state")
    before = os.umask(0)
    try:
        size = put(store, "a1-heap", filler=10)
    finally:
        os.umask(before)
    path = store.folder / "a1-heap.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert path.stat().st_size == size
    found = decode(store.read("a1-heap"))
    assert (found["id"], found["kind"], found["alert_id"], found["filler"]) == ("a1-heap", "heap", "a1", "x" * 10)
    [kept] = store.listed()
    assert (kept.id, kept.size_bytes, kept.head) == (
        "a1-heap",
        size,
        Head(id="a1-heap", kind="heap", at=NOW, alert_id="a1"),
    )


def test_nothing_is_made_before_there_is_something_to_keep(tmp_path: Path) -> None:
    store = a_store(tmp_path / "state")
    assert (store.listed(), store.clean(NOW), store.why_full()) == ([], 0, "")
    assert not (tmp_path / "state").exists()


def test_the_oldest_goes_when_there_are_too_many(tmp_path: Path) -> None:
    store = a_store(tmp_path, count=3)
    for number in range(5):
        put(store, f"a{number}", at=NOW + timedelta(seconds=number))
    assert names(store) == ["a4", "a3", "a2"]


@given(sizes=st.lists(st.integers(0, 3000), max_size=30), cap=st.integers(1000, 8000), count=st.integers(1, 10))
def test_the_bounds_hold_after_every_artifact(sizes: list[int], cap: int, count: int) -> None:
    folder = Path(os.environ["TOCSIN_STATE_DIR"]) / "bounds"
    shutil.rmtree(folder, ignore_errors=True)
    store = a_store(folder, size_bytes=cap, count=count)
    for number, size in enumerate(sizes):
        try:
            put(store, f"a{number:03}", filler=size, at=NOW + timedelta(seconds=number))
        except StoreError:
            continue
        kept = store.listed()
        assert len(kept) <= count
        assert sum(one.size_bytes for one in kept) <= cap
        assert kept[0].id == f"a{number:03}"


def test_what_is_too_old_goes_and_a_clock_that_is_set_back_makes_nothing_old(tmp_path: Path) -> None:
    store = a_store(tmp_path, age_s=3600.0)
    put(store, "old", at=NOW - timedelta(hours=2))
    put(store, "young", at=NOW)
    assert store.clean(NOW) == 0  # it went when the young one came
    assert names(store) == ["young"]
    assert store.clean(NOW - timedelta(days=3)) == 0
    assert store.clean(NOW + timedelta(seconds=3601)) == 1
    assert names(store) == []


def test_below_the_floor_of_free_space_nothing_is_written(tmp_path: Path) -> None:
    store = a_store(tmp_path, free=100, min_free_bytes=101)
    assert "only 100 B are free on the disk, and 101 B are to stay free" in store.why_full()
    with pytest.raises(StoreError, match="only 100 B are free"):
        put(store, "a1")
    assert not store.folder.exists()
    assert a_store(tmp_path, free=101, min_free_bytes=101).why_full() == ""


def test_an_artifact_that_is_larger_than_all_may_be_is_refused_and_nothing_goes_for_it(tmp_path: Path) -> None:
    store = a_store(tmp_path, size_bytes=2000)
    put(store, "a1")
    with pytest.raises(StoreError, match="an artifact may have 2 kB at most"):
        put(store, "a2", filler=3000)
    assert names(store) == ["a1"]
    with pytest.raises(StoreError, match="may have"):
        put(a_store(tmp_path, size_bytes=10**9), "a3", filler=MAX_ARTIFACT_BYTES)


def test_a_disk_that_fails_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = a_store(tmp_path)
    put(store, "a1")

    def broken(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="No space left on device; free space on this disk"):
        put(store, "a2")
    assert [path.name for path in store.folder.iterdir()] == ["a1.json"]


def test_what_was_begun_and_never_ended_is_cleaned_away(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    put(store, "a1")
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    of_the_dead = store.folder / f".{int(gone.stdout)}-0.part"
    of_the_living = store.folder / f".{os.getppid()}-0.part"
    of_the_living_and_old = store.folder / f".{os.getppid()}-1.part"
    foreign = store.folder / "notes.txt"
    for path in (of_the_dead, of_the_living, of_the_living_and_old, foreign):
        path.write_bytes(b"x")
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    long_ago_s = NOW.timestamp() - PARTIAL_AGE_S - 1
    os.utime(of_the_living_and_old, (long_ago_s, long_ago_s))
    assert store.clean(NOW) == 2
    assert {path.name for path in store.folder.iterdir()} == {"a1.json", of_the_living.name, "notes.txt"}


def test_a_link_in_the_folder_is_neither_followed_nor_read(tmp_path: Path) -> None:
    store = a_store(tmp_path, count=1)
    put(store, "a1")
    secret = tmp_path / "secret"
    secret.write_text("{}")
    (store.folder / "link.json").symlink_to(secret)
    assert names(store) == ["a1"]
    with pytest.raises(StoreError, match="cannot be read"):
        store.read("link")
    put(store, "a2", at=NOW + timedelta(seconds=1))
    assert names(store) == ["a2"]
    assert secret.exists()


@pytest.mark.parametrize("name", ["../secret", "", ".", "a/b", "a\0b", "x" * 81, ".hidden", "a1.json"])
def test_an_id_that_is_a_path_finds_nothing(tmp_path: Path, name: str) -> None:
    store = a_store(tmp_path)
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(ArtifactNotFound):
        store.read(name)
    with pytest.raises(StoreError):
        store.put(Head(id=name, kind="heap", at=NOW), {}, NOW)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"id": "a1", "kind": "he', "only a part"),
        (b"\xff\xfe", "only a part"),
        (b"[]", "no artifact"),
        (
            b'{"id": "a1", "kind": "heap", "at": "2026-01-01T00:00:00Z", "format": "tocsin-artifact/2"}',
            "tocsin-artifact/2",
        ),
    ],
)
def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path, content: bytes, words: str) -> None:
    store = a_store(tmp_path)
    put(store, "a1")
    (store.folder / "a2.json").write_bytes(content)
    broken = next(one for one in store.listed() if one.id == "a2")
    assert broken.head is None
    assert words in broken.reason
    with pytest.raises(StoreError):
        decode(store.read("a2"))


def test_several_threads_and_stores_share_a_folder(tmp_path: Path) -> None:
    stores = [a_store(tmp_path, count=5) for _ in range(3)]
    failed: list[BaseException] = []

    def work(place: int) -> None:
        try:
            for number in range(20):
                stores[place].put(Head(id=f"t{place}-{number}", kind="heap", at=NOW), {}, NOW)
                stores[place].listed()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test fails
            failed.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    stores[0].clean(NOW)
    assert len(stores[0].listed()) <= 5
    assert not list((tmp_path / "artifacts").glob(".*"))


def test_a_process_that_is_killed_while_it_writes_leaves_whole_files_only(tmp_path: Path) -> None:
    code = (
        "import sys, datetime; from pathlib import Path; from tocsin.artifacts import *\n"
        "store = ArtifactStore(Path(sys.argv[1]), ArtifactBounds(count=1000, min_free_bytes=0))\n"
        "at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC); n = 0\n"
        "while True:\n"
        "    store.put(Head(id=f'a{n}', kind='heap', at=at), {'filler': 'x' * 500_000}, at); n += 1\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(5):
            process.stdout.readline()
        process.kill()
    store = a_store(tmp_path, count=1000)
    kept = store.listed()
    assert len(kept) >= 5
    assert all(one.head is not None for one in kept)
    store.clean(NOW)
    assert not list(store.folder.glob(".*.part"))
    assert all(msgspec.json.decode(store.read(one.id))["filler"] == "x" * 500_000 for one in kept)
