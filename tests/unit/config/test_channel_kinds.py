"""Every kind of channel, as a file and as a description: its options, its mistakes and its place in the guide."""

from __future__ import annotations

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tocsin import (
    AlertConfig,
    AlertSeverity,
    CommandAlertChannel,
    ConfigError,
    EmailAlertChannel,
    FileAlertChannel,
    WebhookAlertChannel,
    load_config,
)
from tocsin.channels import apprise
from tocsin.config import ChannelSpec
from tocsin.config.channel_kinds import KINDS, make, options_of
from tocsin.model.secret import Secret

CANARY = "canary4711"
GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "channels.md"
SMALLEST: dict[str, dict[str, Any]] = {
    "console": {},
    "slack": {"url": f"https://hooks.slack.com/services/{CANARY}"},
    "email": {"to": "ops@example.com", "from": "tocsin@example.com", "smtp": "smtp.example.com"},
    "webhook": {"url": f"https://alerts.example/{CANARY}", "secret": CANARY},
    "alertmanager": {"urls": ["http://am-0:9093"]},
    "pagerduty": {"key": CANARY},
    "apprise": {"url": f"json://{CANARY}"},
    "file": {"path": "alerts.jsonl"},
    "command": {"argv": ["/bin/page"]},
}


@pytest.fixture(autouse=True)
def with_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "_is_installed", lambda: True)


def messages(text: str, folder: Path) -> list[str]:
    path = folder / "tocsin.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert CANARY not in str(caught.value)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


# -- the table


@pytest.mark.parametrize("kind", SMALLEST)
def test_a_kind_is_made_of_its_description(kind: str) -> None:
    spec = ChannelSpec(kind, "mine", AlertSeverity.CRITICAL, SMALLEST[kind])
    [(made, route)] = AlertConfig(channels=[spec]).make_channels()
    assert type(made).__name__ == KINDS[kind].partition(":")[2]
    assert made.name == route.channel == "mine"
    assert route.severity is AlertSeverity.CRITICAL
    assert route.keeps_state is (kind in {"alertmanager", "pagerduty"})
    assert CANARY not in repr(spec)
    assert CANARY not in repr(made)


@pytest.mark.parametrize("kind", KINDS)
def test_each_option_is_an_argument_of_its_channel(kind: str) -> None:
    module, _, name = KINDS[kind].partition(":")
    maker = getattr(import_module(module), name)
    arguments = inspect.signature(maker).parameters
    for option in options_of(kind):
        assert (f"{option}_" if option == "from" else option) in arguments


@pytest.mark.parametrize(("kind", "option"), [(kind, option) for kind in KINDS for option in options_of(kind)])
def test_the_example_of_an_option_is_right(kind: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = options_of(kind)[option]
    for name in re.findall(r"env:(\w+)", found.example):
        monkeypatch.setenv(name, "https://example.org/x")
    assert found.read(ast.literal_eval(found.example)) is not None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "console"])
def test_the_guide_names_every_option_of_a_kind(kind: str) -> None:
    sections = re.split(r"(?m)^## ", GUIDE.read_text(encoding="utf-8"))
    [section] = [text for text in sections if text.split("\n", 1)[0].lower().replace("-", "") == kind]
    rows = re.findall(r"(?m)^\| (`[^|]*) \|", section)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(options_of(kind))


def test_every_kind_is_looked_at() -> None:
    assert SMALLEST.keys() == KINDS.keys() - {"plugin"}


@pytest.mark.parametrize("kind", SMALLEST)
def test_without_a_name_a_channel_is_named_by_its_kind_so_that_kinds_never_clash(kind: str) -> None:
    [(made, _)] = AlertConfig(channels=[ChannelSpec(kind, options=SMALLEST[kind])]).make_channels()
    assert made.name == kind
    module, _, name = KINDS[kind].partition(":")
    assert inspect.signature(getattr(import_module(module), name)).parameters["name"].default == kind


def test_two_of_one_kind_need_names() -> None:
    with pytest.raises(ConfigError, match="a second channel named 'webhook'"):
        AlertConfig(channels=[WebhookAlertChannel("https://a.example"), WebhookAlertChannel("https://b.example")])


# -- files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'type = "slack"',
            (
                ":1: channel[0].url: found nothing, expected the url of an incoming webhook, or the token of a bot. "
                'Example: url = "env:SLACK_URL"'
            ),
        ),
        (
            'type = "slack"\nurl = "canary4711"',
            ':3: channel[0].url: found ****, expected an http or https URL. Example: url = "env:SLACK_URL"',
        ),
        (
            'type = "slack"\nurll = "x"',
            (
                ":3: channel[0].urll: found an unknown key, expected one of type, name, severity, url, token, channel, "
                "api_url, allow_private, ca_file, deadline, match, hours, group_by, group_wait, group_interval, "
                "repeat, notices_per_minute, escalate_to, escalate_after, fallback (did you mean 'url'?)"
            ),
        ),
        (
            'type = "slack"\nurl = "http://canary4711.example/x"',
            (
                ":3: channel[0].url: found plain http, expected an https URL; http is for private addresses, "
                "with allow_private"
            ),
        ),
        (
            'type = "email"\nto = "ops@example.com"\nfrom = "a@b.example"',
            ':1: channel[0].smtp: found nothing, expected a value. Example: smtp = "smtp.example.com:587"',
        ),
        (
            'type = "email"\nto = "ops"\nfrom = "a@b.example"\nsmtp = "m"',
            (
                ":3: channel[0].to: found \"ops\", expected an email address such as 'ops@example.com'. "
                'Example: to = ["ops@example.com"]'
            ),
        ),
        (
            'type = "email"\nto = "ops@b.example"\nfrom = "a@b.example"\nsmtp = "me:canary4711@m"',
            (
                ":5: channel[0].smtp: found ****, expected a mail server as host:port; user and password are options "
                'of their own. Example: smtp = "smtp.example.com:587"'
            ),
        ),
        (
            'type = "file"\npath = "a"\nmax_size = "10 s"',
            (
                ':4: channel[0].max_size: found "10 s", expected a size from 1000 to 1000000000000 bytes, such as '
                "'10 MB'. Example: max_size = \"10 MB\""
            ),
        ),
        (
            'type = "command"\nargv = "page --key canary4711"',
            (
                ":3: channel[0].argv: found ****, expected a list of texts, the program first; there is no shell: "
                '["/usr/local/bin/page", "--team", "orders"]. '
                'Example: argv = ["/usr/local/bin/page", "--team", "orders"]'
            ),
        ),
        (
            'type = "webhook"\nurl = "https://a.example"\nallow_private = "yes"',
            ':4: channel[0].allow_private: found "yes", expected true or false. Example: allow_private = true',
        ),
        (
            'type = "alertmanager"\nurls = ["http://a:9093", "canary4711"]',
            (
                ":3: channel[0].urls: found ****, expected an http or https URL. "
                'Example: urls = ["http://alertmanager-0:9093", "http://alertmanager-1:9093"]'
            ),
        ),
        (
            'type = "pagerduty"',
            ':1: channel[0].key: found nothing, expected a value. Example: key = "env:PAGERDUTY_KEY"',
        ),
    ],
)
def test_a_mistake_in_a_channel_has_its_line_its_words_and_an_example(text: str, message: str, tmp_path: Path) -> None:
    assert messages(f"[[channel]]\n{text}\n", tmp_path) == [message]


def test_all_mistakes_of_a_channel_are_told_at_once(tmp_path: Path) -> None:
    text = '[[channel]]\ntype = "webhook"\nurl = "env:NOWHERE"\ndeadline = "soon"\ncolour = 1\nsecret = 5\n'
    assert [message.split(": ")[1] for message in messages(text, tmp_path)] == [
        "channel[0].url", "channel[0].deadline", "channel[0].colour", "channel[0].secret",
    ]  # fmt: skip


def test_where_apprise_is_not_installed_that_is_a_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise, "_is_installed", lambda: False)
    [message] = messages(f'[[channel]]\ntype = "apprise"\nurl = "json://{CANARY}"\n', tmp_path)
    assert message.endswith("expected the extra notify: python -m pip install 'tocsin[notify]'")


def test_paths_in_a_file_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "key").write_text("s3cret\n")
    path = tmp_path / "conf" / "tocsin.toml"
    path.write_text(
        '[[channel]]\ntype = "file"\npath = "alerts.jsonl"\n'
        '[[channel]]\ntype = "webhook"\nurl = "https://a.example"\nca_file = "ca.pem"\nsecret = ["file:key"]\n'
        '[[channel]]\ntype = "command"\nargv = ["page", "x"]\n'
        '[[channel]]\ntype = "email"\nto = "a@b.example"\nfrom = "c@d.example"\nsmtp = "m"\nca_file = "/etc/ca.pem"\n'
    )
    file, webhook, command, email = (made for made, _ in load_config(path).make_channels())
    assert isinstance(file, FileAlertChannel)
    assert file._path == tmp_path / "conf" / "alerts.jsonl"
    assert isinstance(webhook, WebhookAlertChannel)
    assert webhook._transport._ca_file == str(tmp_path / "conf" / "ca.pem")
    assert [key.reveal() for key in webhook._keys] == ["s3cret"]
    assert isinstance(command, CommandAlertChannel)
    assert command._argv == ("page", "x")
    assert isinstance(email, EmailAlertChannel)
    assert email._server.ca_file == "/etc/ca.pem"


def test_secrets_that_are_written_out_are_remarked_on(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(
        f'[[channel]]\ntype = "webhook"\nurl = "https://a.example/{CANARY}"\nheaders = {{Authorization = "{CANARY}"}}\n'
    )
    config = load_config(path)
    assert [warning.partition(" is written out")[0] for warning in config.warnings] == [
        "channel 'webhook': url", "channel 'webhook': Authorization",
    ]  # fmt: skip
    assert CANARY not in repr(config)
    assert CANARY not in str(config.warnings)


def test_a_description_that_was_never_checked_is_checked_when_it_is_made() -> None:
    with pytest.raises(ConfigError, match=r"channel 'mine': url: found \*\*\*\*"):
        make("webhook", "mine", AlertSeverity.INFO, {"url": Secret(CANARY)})
    with pytest.raises(ConfigError, match=r"channel 'mine': type: found 'pigeon'"):
        make("pigeon", "mine", AlertSeverity.INFO, {})


def test_only_the_modules_of_the_kinds_that_are_used_are_loaded() -> None:
    import subprocess
    import sys

    program = (
        "import sys; from tocsin import AlertConfig; from tocsin.config import ChannelSpec\n"
        "AlertConfig(channels=[ChannelSpec('file', options={'path': 'x'})]).make_channels()\n"
        "print(*sorted({'urllib3', 'smtplib', 'subprocess', 'tocsin.channels.slack'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
