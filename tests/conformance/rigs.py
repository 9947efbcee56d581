"""Each channel with a real peer, so that one suite can be run over all of them."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import types
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tests.peers.http_peer import HttpPeer, Request, answer, json_answer
from tests.peers.smtp_peer import SmtpPeer

from tocsin import (
    AlertmanagerChannel,
    AppriseChannel,
    CommandAlertChannel,
    ConsoleAlertChannel,
    EmailAlertChannel,
    FileAlertChannel,
    PagerDutyChannel,
    SlackAlertChannel,
    WebhookAlertChannel,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

CANARY = "Canary4711Secret"
SHORT_S = 0.2


class Rig(ABC):
    """A channel and its peer.

    Attributes:
        channel: under test.
        hostile: what must not stand in anything that is told, since the receiver would obey it.
    """

    hostile: tuple[str, ...] = ()
    can_hang = True

    channel: Any

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = monkeypatch

    @abstractmethod
    def build(self, *, deadline_s: float = 10.0) -> Any:
        """Make the channel."""

    @abstractmethod
    def told(self) -> list[str]:
        """What was told: each message as a text, with everything that a receiver could look at."""

    def marked_up(self) -> list[str]:
        """What a receiver takes for markup: by default all that is told."""
        return self.told()

    def ids(self) -> list[str]:
        """The id by which a receiver knows each message; empty where there is no receiver to repeat anything to."""
        return []

    @abstractmethod
    def go_away(self) -> None:
        """Nobody takes anything any more."""

    def hang(self) -> None:  # noqa: B027 - those without a peer have nothing to do
        """The peer takes what comes, and says nothing."""

    def stumble(self) -> bool:
        """The peer refuses the next notice for now. False: it cannot."""
        return False

    def close(self) -> None:  # noqa: B027 - most have nothing to clean up
        """Clean up."""


def strings_of(document: Any) -> Iterator[str]:
    """All texts and numbers in a JSON document, names included."""
    if isinstance(document, (str, int, float)):
        yield str(document)
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from strings_of(value)
    elif isinstance(document, list):
        for one in document:
            yield from strings_of(one)


def as_text(document: Any) -> str:
    return "\n".join(strings_of(document))


class ConsoleRig(Rig):
    can_hang = False

    def build(self, *, deadline_s: float = 10.0) -> Any:
        del deadline_s
        self.stream = io.StringIO()
        return ConsoleAlertChannel(self.stream)

    def told(self) -> list[str]:
        return [line for line in self.stream.getvalue().split("\n") if line]

    def go_away(self) -> None:
        def full(_: str) -> int:
            raise BlockingIOError("the pipe is full")

        self.patch.setattr(self.stream, "write", full)


class HttpRig(Rig):
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self.peer = HttpPeer(self.usual)

    def usual(self, connection: socket.socket) -> None:
        answer(200, b"ok")(connection)

    @property
    def requests(self) -> list[Request]:
        return self.peer.requests

    def told(self) -> list[str]:
        return [as_text(request.json) for request in self.requests]

    def go_away(self) -> None:
        self.peer.close()

    def hang(self) -> None:
        self.peer.default = self.peer.hang

    def stumble(self) -> bool:
        self.peer.replies = [answer(503)]
        return True

    def close(self) -> None:
        self.peer.close()


class WebhookRig(HttpRig):
    def build(self, *, deadline_s: float = 10.0) -> Any:
        return WebhookAlertChannel(
            f"{self.peer.url}/{CANARY}", secret=[CANARY, f"{CANARY}old"], allow_private=True, deadline=deadline_s,
            headers={"Authorization": CANARY},
        )  # fmt: skip

    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.requests]


class SlackRig(HttpRig):
    hostile = ("<!", "<@", "<http", "<script")

    def build(self, *, deadline_s: float = 10.0) -> Any:
        return SlackAlertChannel(f"{self.peer.url}/services/{CANARY}", allow_private=True, deadline=deadline_s)

    def ids(self) -> list[str]:
        return [request.json["blocks"][-1]["block_id"] for request in self.requests]


class SlackBotRig(SlackRig):
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self.count = 0

    def usual(self, connection: socket.socket) -> None:
        self.count += 1
        json_answer({"ok": True, "channel": "C1", "ts": f"17.{self.count:04}"})(connection)

    def build(self, *, deadline_s: float = 10.0) -> Any:
        return SlackAlertChannel(
            token=CANARY, channel="#alerts", api_url=f"{self.peer.url}/api", allow_private=True, deadline=deadline_s
        )


class PagerDutyRig(HttpRig):
    def usual(self, connection: socket.socket) -> None:
        answer(202, b'{"status": "success"}')(connection)

    def build(self, *, deadline_s: float = 10.0) -> Any:
        return PagerDutyChannel(CANARY, api_url=self.peer.url, allow_private=True, deadline=deadline_s)

    def told(self) -> list[str]:
        return [as_text({**request.json, "routing_key": ""}) for request in self.requests]

    def ids(self) -> list[str]:
        return [request.json["payload"]["custom_details"]["notice"] for request in self.requests]


class AlertmanagerRig(HttpRig):
    def build(self, *, deadline_s: float = 10.0) -> Any:
        self.channel_made = AlertmanagerChannel(
            [f"{self.peer.url}/{CANARY}"], headers={"Authorization": CANARY}, deadline=deadline_s
        )
        return self.channel_made

    def told(self) -> list[str]:
        return [as_text(alert) for request in self.requests for alert in request.json]

    def ids(self) -> list[str]:
        # Alertmanager knows an alert by its labels.
        return [json.dumps(alert["labels"], sort_keys=True) for request in self.requests for alert in request.json]

    def close(self) -> None:
        self.channel_made.close()
        super().close()


class EmailRig(Rig):
    hostile = ("<script", "<img", 'href="javascript')

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch)
        self.peer = SmtpPeer()

    def build(self, *, deadline_s: float = 10.0) -> Any:
        return EmailAlertChannel(
            "ops@example.com", "tocsin@example.com", smtp=f"127.0.0.1:{self.peer.port}", tls="none",
            deadline=deadline_s,
        )  # fmt: skip

    def told(self) -> list[str]:
        return [_mail_text(mail.message) for mail in self.peer.mails]

    def marked_up(self) -> list[str]:
        found = [mail.message.get_body(("html",)) for mail in self.peer.mails]
        return [part.get_content() for part in found if part is not None]

    def ids(self) -> list[str]:
        return [str(mail.message["Message-ID"]) for mail in self.peer.mails]

    def go_away(self) -> None:
        self.peer.close()

    def hang(self) -> None:
        self.peer.hangs = True

    def stumble(self) -> bool:
        self.peer.says = {"DATA": ["451 later"]}
        return True

    def close(self) -> None:
        self.peer.close()


def _mail_text(message: Any) -> str:
    headers = [f"{name}: {value}" for name, value in message.items()]
    assert not any(set("\r\n") & set(header) for header in headers)
    # Lines end as mail has it.
    parts = [
        part.get_content().replace("\r\n", "\n") for part in message.walk() if part.get_content_maintype() == "text"
    ]
    return "\n".join([*headers, *parts])


class FileRig(Rig):
    can_hang = False

    def build(self, *, deadline_s: float = 10.0) -> Any:
        del deadline_s
        self.path = self.folder / "state" / "alerts.jsonl"
        return FileAlertChannel(self.path)

    def told(self) -> list[str]:
        return [as_text(json.loads(line)) for line in self.path.read_text("utf-8").splitlines()]

    def ids(self) -> list[str]:
        return [json.loads(line)["id"] for line in self.path.read_text("utf-8").splitlines()]

    def go_away(self) -> None:
        def gone(*_: Any, **__: Any) -> int:
            raise OSError(28, "No space left on device")

        self.patch.setattr(os, "open", gone)


class CommandRig(Rig):
    """A small Python program that writes down what it was told."""

    def build(self, *, deadline_s: float = 10.0) -> Any:
        self.patch.setenv("PAGER_TOKEN", CANARY)
        self.patch.setenv("TOCSIN_OUT", str(self.folder))
        program = self.folder / "pager.py"
        program.write_text(
            "import json, os, sys, uuid\n"
            f"open({str(self.folder)!r} + f'/{{uuid.uuid4().hex}}.told', 'w').write("
            "json.dumps([sys.stdin.read(), dict(os.environ), sys.argv]))\n"
        )
        self.argv = [sys.executable, "-S", "-E", str(program), CANARY]
        return CommandAlertChannel(self.argv, deadline=deadline_s)

    def _told(self) -> list[Any]:
        files = sorted(self.folder.glob("*.told"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(path.read_text("utf-8")) for path in files]

    def told(self) -> list[str]:
        found = []
        for given, environment, argv in self._told():
            assert CANARY not in json.dumps(environment)
            assert argv == [self.argv[3], CANARY]  # nothing of an alert
            found.append(as_text(json.loads(given)))
        return found

    def ids(self) -> list[str]:
        return [json.loads(given)["id"] for given, _, _ in self._told()]

    def go_away(self) -> None:
        (self.folder / "pager.py").unlink()

    def hang(self) -> None:
        (self.folder / "pager.py").write_text("import threading; threading.Event().wait(60)\n")


class AppriseRig(Rig):
    """The library is played by a module of the same face, since it is no dependency of the tests."""

    def build(self, *, deadline_s: float = 10.0) -> Any:
        self.calls: list[dict[str, Any]] = []
        self.works = True
        self.waits_for: threading.Event | None = None
        rig = self

        class Apprise:
            def add(self, url: str) -> bool:
                return url == f"json://example.com/{CANARY}"

            def notify(self, **call: Any) -> bool:
                if rig.waits_for is not None:
                    rig.waits_for.wait(60.0)
                if rig.works:
                    rig.calls.append(call)
                return rig.works

        module = types.ModuleType("apprise")
        module.__spec__ = types.SimpleNamespace()  # type: ignore[assignment]  # that there is one says: installed
        module.Apprise = Apprise  # type: ignore[attr-defined]
        self.patch.setitem(sys.modules, "apprise", module)
        return AppriseChannel(f"json://example.com/{CANARY}", deadline=deadline_s)

    def told(self) -> list[str]:
        return [f"{call['title']}\n{call['body']}" for call in self.calls]

    def go_away(self) -> None:
        self.works = False

    def hang(self) -> None:
        self.waits_for = threading.Event()

    def close(self) -> None:
        if self.waits_for is not None:
            self.waits_for.set()


RIGS: dict[str, Callable[[Path, pytest.MonkeyPatch], Rig]] = {
    "console": ConsoleRig,
    "webhook": WebhookRig,
    "slack": SlackRig,
    "slack-bot": SlackBotRig,
    "pagerduty": PagerDutyRig,
    "alertmanager": AlertmanagerRig,
    "email": EmailRig,
    "file": FileRig,
    "command": CommandRig,
    "apprise": AppriseRig,
}
