from __future__ import annotations

import os
import socket
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tocsin import control
from tocsin.control import ControlServer, client, folder, line, server
from tocsin.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not folder.UNIX, reason="Unix sockets")


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"echo": request}


@pytest.fixture(autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A runtime folder and a temporary folder of the test's own, with short paths: sockets allow 103 bytes."""
    base = tmp_path_factory.mktemp("c")
    (base / "run").mkdir()
    (base / "tmp").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(base / "run"))
    monkeypatch.setattr("tocsin.control.folder.temporary_directory", lambda: str(base / "tmp"))
    return base


@pytest.fixture
def running() -> Iterator[ControlServer]:
    server = ControlServer("orders", echo)
    server.start()
    yield server
    server.stop()


def ask_raw(path: Path | None, data: bytes, *, shut: bool = False) -> bytes:
    assert path is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        peer.sendall(data)
        if shut:
            peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65536), b""))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def leave_a_dead_socket(name: str) -> Path:
    path = control.control_folder() / name
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
    return path


# --- asking ---


def test_a_program_answers_a_request_with_the_handlers_reply(running: ControlServer) -> None:
    assert control.call("orders", {"command": "status"}) == {"echo": {"command": "status"}}
    assert control.call(os.getpid(), {"command": "status"}) == {"echo": {"command": "status"}}
    assert control.call(control.select(), {"n": 1}, timeout_s=5) == {"echo": {"n": 1}}


def test_a_handler_that_raises_is_an_error_in_the_reply_and_the_server_goes_on() -> None:
    def broken(request: dict[str, Any]) -> dict[str, Any]:
        if request["command"] == "break":
            raise KeyError("pump")
        return {"ok": True}

    server = ControlServer("orders", broken)
    server.start()
    try:
        assert control.call("orders", {"command": "break"}) == {"error": "KeyError: 'pump'"}
        assert control.call("orders", {"command": "status"}) == {"ok": True}
    finally:
        server.stop()


def test_a_reply_with_odd_values_is_written_all_the_same_and_one_too_large_is_an_error() -> None:
    replies: list[dict[str, Any]] = [{"path": os, "nan": float("nan")}, {"big": "x" * (line.MAX_REPLY_BYTES + 1)}]
    server = ControlServer("orders", lambda _request: replies.pop(0))
    server.start()
    try:
        assert "module 'os'" in control.call("orders", {})["path"]
        assert "more than" in control.call("orders", {})["error"]
    finally:
        server.stop()


def test_a_reply_that_cannot_even_be_shown_ends_nothing() -> None:
    class Unspeakable:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    replies: list[dict[str, Any]] = [{"thing": Unspeakable()}, {"text": "\ud800"}, {"ok": True}]
    server = ControlServer("orders", lambda _request: replies.pop(0))
    server.start()
    try:
        with pytest.raises(ControlError, match="ended its answer early"):
            control.call("orders", {})
        assert "cannot be written as JSON" in control.call("orders", {})["error"]
        assert control.call("orders", {}) == {"ok": True}
    finally:
        server.stop()


def test_a_request_that_is_no_json_object_is_refused_and_the_server_goes_on(running: ControlServer) -> None:
    for garbage in (b"hello\n", b"[1, 2]\n", b"\xff\xfe\n", b'{"half": \n'):
        assert b"not a JSON object" in ask_raw(running.path, garbage)
    assert control.call("orders", {"n": 1}) == {"echo": {"n": 1}}


def test_an_oversized_request_is_refused_without_being_kept(running: ControlServer) -> None:
    reply = ask_raw(running.path, b"x" * (line.MAX_REQUEST_BYTES + 1))
    assert b"refused: a line of more than 65536 bytes" in reply


def test_a_visitor_who_says_nothing_gets_no_answer_and_blocks_nobody(running: ControlServer) -> None:
    assert ask_raw(running.path, b"", shut=True) == b""
    assert control.call("orders", {"n": 1}) == {"echo": {"n": 1}}


def test_a_silent_peer_is_left_after_the_time_limit(running: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line.Deadline, "left_s", lambda _self: 0.05)
    assert ask_raw(running.path, b"half a li") == b""


def test_the_time_limit_is_for_the_whole_line_so_that_dripping_gains_nothing() -> None:
    class Steps:
        at_s = 0.0

        def now(self) -> Any:
            self.at_s += 0.6
            return type("Now", (), {"mono_s": self.at_s})

    deadline = line.Deadline(2.0, Steps())  # type: ignore[arg-type]
    assert deadline.left_s() == pytest.approx(1.4)
    assert deadline.left_s() == pytest.approx(0.8)
    deadline.left_s()
    with pytest.raises(TimeoutError):
        deadline.left_s()


def test_a_program_that_does_not_answer_is_named_with_the_time_that_was_waited() -> None:
    release = threading.Event()

    def stuck(_request: dict[str, Any]) -> dict[str, Any]:
        release.wait(30)
        return {}

    server = ControlServer("orders", stuck)
    server.start()
    try:
        with pytest.raises(ControlError, match=rf"orders \(pid {os.getpid()}\) did not answer within 0.05 s"):
            control.call("orders", {}, timeout_s=0.05)
    finally:
        release.set()
        server.stop()


# --- who may ask ---


def test_the_folder_and_the_socket_belong_to_the_user_alone(running: ControlServer, runtime: Path) -> None:
    assert running.path is not None
    assert running.path.parent == runtime / "run" / "tocsin"
    assert mode(running.path.parent) == 0o700
    assert mode(running.path) == 0o600


def test_another_user_is_refused_even_if_the_folder_let_him_in(
    running: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_peer_uid", lambda _peer: os.geteuid() + 1)
    assert "may not ask this program" in control.call("orders", {"command": "status"})["error"]
    monkeypatch.setattr(server, "_peer_uid", lambda _peer: 0)
    assert "echo" in control.call("orders", {"command": "status"})


def test_the_peers_user_is_told_by_the_system() -> None:
    left, right = socket.socketpair(socket.AF_UNIX)
    with left, right:
        assert server._peer_uid(left) == os.geteuid()


def test_without_a_runtime_folder_the_temporary_one_serves(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert control.control_folder() == runtime / "tmp" / f"tocsin-{os.geteuid()}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime / "missing"))
    assert control.control_folder().parent == runtime / "tmp"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert control.control_folder().parent == runtime / "tmp"


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_folder_that_somebody_else_prepared_is_refused(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    place = runtime / "tmp" / f"tocsin-{os.geteuid()}"
    if trap == "link":
        (runtime / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(runtime / "elsewhere")
    elif trap == "open":
        place.mkdir()
        place.chmod(0o755)
    else:
        place.write_text("")
    with pytest.raises(ControlError, match="no private folder"):
        ControlServer("orders", echo).start()
    assert control.list_programs() == []


def test_a_folder_of_another_user_is_refused(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = runtime / "run" / "tocsin"
    place.mkdir(mode=0o700)
    somebody_else = os.geteuid() + 1
    monkeypatch.setattr("os.geteuid", lambda: somebody_else)
    assert "belongs to user" in folder.distrust(place)


def test_a_program_in_the_temporary_folder_is_found_from_a_shell_with_a_runtime_folder(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    server = ControlServer("service", echo)
    server.start()
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime / "run"))
        assert control.select().name == "service"
    finally:
        server.stop()


# --- which program ---


def test_a_name_is_made_fit_for_a_file_and_found_by_its_own_spelling() -> None:
    server = ControlServer("../Bestell Dienst/ä", echo)
    path = server.start()
    try:
        assert path.name == f"Bestell_Dienst-{os.getpid()}.sock"
        assert control.select(name="../Bestell Dienst/ä").pid == os.getpid()
    finally:
        server.stop()
    assert ControlServer("///", echo).name == "python"


def test_a_long_name_or_folder_never_makes_a_path_that_sockets_refuse(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = runtime / ("d" * (80 - len(str(runtime))))
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    server = ControlServer("n" * 500, echo)
    path = server.start()
    server.stop()
    assert len(str(path)) <= 103
    deeper = deep / ("e" * 30)
    deeper.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deeper))
    with pytest.raises(ControlError, match="too long for a Unix socket"):
        ControlServer("n", echo).start()


def test_with_two_programs_of_one_name_the_candidates_are_listed(running: ControlServer) -> None:
    assert running.path is not None
    twin = running.path.with_name("orders-1.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(twin))
        listener.listen()
        with pytest.raises(
            ControlError, match=rf"choose one with --pid: orders \(pid 1\), orders \(pid {os.getpid()}\)"
        ):
            control.select(name="orders")
        assert control.select(pid=1, name="orders").path == str(twin)


def test_a_selector_that_fits_nothing_lists_what_runs(running: ControlServer) -> None:
    with pytest.raises(ControlError, match="no watched program has name 'payments'; running are: orders"):
        control.select(name="payments")


def test_without_any_program_the_message_says_how_to_start_one() -> None:
    with pytest.raises(ControlError, match="tocsin run SCRIPT"):
        control.select()


def test_a_stale_socket_is_skipped_and_removed(running: ControlServer) -> None:
    stale = leave_a_dead_socket("gone-999999999.sock")
    reused = leave_a_dead_socket("gone-1.sock")  # the pid lives, but nobody listens
    assert [program.name for program in control.list_programs()] == ["orders"]
    assert not stale.exists()
    assert not reused.exists()


def test_a_start_removes_what_killed_programs_left() -> None:
    stale = leave_a_dead_socket("gone-999999999.sock")
    server = ControlServer("orders", echo)
    server.start()
    server.stop()
    assert not stale.exists()


def test_foreign_files_in_the_folder_are_left_alone(running: ControlServer) -> None:
    note = control.control_folder() / "note.txt"
    note.write_text("keep")
    assert len(control.list_programs()) == 1
    assert note.exists()


# --- start, stop, fork ---


def test_start_and_stop_twice_are_fine_and_nothing_is_left() -> None:
    server = ControlServer("orders", echo)
    path = server.start()
    assert server.start() == path
    thread = next(thread for thread in threading.enumerate() if thread.name == "tocsin-control")
    assert thread.daemon
    server.stop()
    server.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert not path.exists()
    assert server.path is None
    assert server.start().exists()
    server.stop()


def test_stop_ends_the_thread_even_when_the_socket_was_deleted_under_it() -> None:
    server = ControlServer("orders", echo)
    path = server.start()
    thread = next(thread for thread in threading.enumerate() if thread.name == "tocsin-control")
    path.unlink()
    server.stop()
    assert not thread.is_alive()


def test_when_descriptors_run_out_the_thread_waits_instead_of_spinning() -> None:
    class Exhausted:
        calls = 0

        def accept(self) -> tuple[socket.socket, Any]:
            self.calls += 1
            raise OSError(24, "Too many open files")

    waited = []

    class Bell:
        def wait(self, timeout_s: float) -> bool:
            waited.append(timeout_s)
            return len(waited) == 3

    running = type(
        "Running", (), {"listener": Exhausted(), "stopped": Bell(), "token": "", "is_ours": lambda _: True}
    )()
    ControlServer("orders", echo)._serve(running)
    assert waited == [0.0, 1.0, 1.0]


def test_a_forked_child_forgets_the_parents_socket_and_may_open_its_own(running: ControlServer) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            forgot = running.path is None
            own = running.start()
            server._after_fork_in_child()  # as when another hook starts it before ours is called
            names = sorted(program.pid for program in control.list_programs())
            running.stop()
            os.write(write, f"{forgot} {own.name == f'orders-{os.getpid()}.sock'} {len(names)}".encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        assert answers.read() == b"True True 2"
    os.waitpid(child, 0)
    assert control.call("orders", {"n": 1}) == {"echo": {"n": 1}}


def test_at_exit_the_socket_is_removed(running: ControlServer) -> None:
    assert running.path is not None
    server._remove_all()
    assert not running.path.exists()


# --- where there are no Unix sockets ---


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (folder, server, client):
        monkeypatch.setattr(module, "UNIX", False)
    monkeypatch.setattr(server, "SUFFIX", ".port")


def test_without_unix_sockets_a_loopback_port_serves_whoever_can_read_the_token(loopback: None) -> None:
    server = ControlServer("orders", echo)
    path = server.start()
    try:
        assert path.suffix == ".port"
        assert mode(path) == 0o600
        assert control.call("orders", {"n": 1}) == {"echo": {"n": 1}}
    finally:
        server.stop()
    assert not path.exists()


def test_a_wrong_token_is_refused(loopback: None) -> None:
    server = ControlServer("orders", echo)
    path = server.start()
    try:
        path.write_bytes(path.read_bytes().replace(b'"token":"', b'"token":"x'))
        assert control.call("orders", {"n": 1}) == {"error": "the token is wrong"}
    finally:
        server.stop()


def test_a_port_file_that_a_killed_program_left_is_removed(loopback: None) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    stale = control.control_folder() / "gone-1.port"
    stale.write_text(f'{{"port": {port}, "token": "t"}}')
    assert control.list_programs() == []
    assert not stale.exists()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="here a socket is no file descriptor")
def test_a_descriptor_that_the_program_took_over_is_neither_served_nor_closed() -> None:
    server = ControlServer("orders", echo)
    server.start()
    assert server._running is not None
    number = server._running.listener.fileno()
    with socket.socket() as mine:  # as a program that becomes a daemon closes all, and listens for its own visitors
        mine.bind(("127.0.0.1", 0))
        mine.listen(1)
        os.dup2(mine.fileno(), number)
        assert not server._running.is_ours()
        server.stop()
        try:
            assert os.fstat(number).st_ino == os.fstat(mine.fileno()).st_ino
            with socket.create_connection(mine.getsockname(), timeout=10) as visitor:
                peer, _ = mine.accept()
                with peer:
                    peer.sendall(b"mine")
                assert visitor.recv(4) == b"mine"
        finally:
            os.close(number)
