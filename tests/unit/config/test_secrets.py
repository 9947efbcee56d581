from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tocsin.config import AlertConfig, ChannelSpec, load_config
from tocsin.config.channels import literal_secrets
from tocsin.errors import ConfigError
from tocsin.model.secret import MAX_BYTES, Secret, is_secret_name, read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-4711"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Secret:
    monkeypatch.setenv("TOCSIN_TEST_SECRET", CANARY)
    return read_secret("env:TOCSIN_TEST_SECRET")


def test_it_is_shown_only_when_asked(secret: Secret) -> None:
    assert secret.reveal() == CANARY
    assert repr(secret) == "Secret(env:TOCSIN_TEST_SECRET)"
    assert repr(read_secret(CANARY)) == "Secret(****)"
    assert str(secret) == f"{secret}" == f"{secret:>50}" == "%s" % secret == "****"  # noqa: UP031 - that way too


SHOWN: dict[str, Callable[[Secret], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": lambda one: f"{one!r:>80} {one} {one:>9}",
    "in a container": lambda one: repr([one, {"token": one}]),
    "in a description": lambda one: repr(ChannelSpec("slack", options={"url": one})),
    "by msgspec": lambda one: msgspec.json.encode({"token": one}, enc_hook=str).decode(),
    "by json": lambda one: json.dumps({"token": one}, default=str),
    "in a log": lambda one: logging.LogRecord("x", 1, "x", 1, "%s %r", (one, one), None).getMessage(),
    "by pprint": pprint.pformat,
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_of_writing_shows_it(way: str) -> None:
    assert CANARY not in SHOWN[way](read_secret(CANARY))


REFUSED: dict[str, Callable[[Secret], object]] = {
    "pickle": pickle.dumps,
    "getstate": lambda one: one.__getstate__(),
    "reduce": lambda one: one.__reduce__(),
    "msgspec.json": msgspec.json.encode,
    "msgspec.msgpack": msgspec.msgpack.encode,
    "json": json.dumps,
    "vars": vars,
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_would_write_it_down_is_refused(way: str, secret: Secret) -> None:
    with pytest.raises(TypeError) as caught:
        REFUSED[way](secret)
    assert CANARY not in str(caught.value)


def test_it_cannot_be_changed(secret: Secret) -> None:
    with pytest.raises(AttributeError):
        secret.source = "x"
    with pytest.raises(AttributeError):
        del secret.source


def test_a_copy_is_the_same_secret(secret: Secret) -> None:
    assert copy.copy(secret) is copy.deepcopy(secret) is secret


def test_equal_texts_are_equal_secrets(secret: Secret) -> None:
    assert secret == read_secret(CANARY)
    assert hash(secret) == hash(read_secret(CANARY))
    assert secret != read_secret("other")
    assert secret != CANARY


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"canary", "canary"),
        (b"canary\n", "canary"),
        (b"canary\r\n", "canary"),
        (b"canary\n\n", "canary\n"),
        (b" canary ", " canary "),
        (b"\xef\xbb\xbfcanary", "canary"),
    ],
)
def test_one_line_end_of_a_file_is_left_out(content: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)

    assert read_secret(f"file:{tmp_path / 'token'}").reveal() == text
    assert read_secret("file:token", folder=tmp_path).reveal() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "env:NOWHERE_TO_BE_FOUND",
            "the environment variable NOWHERE_TO_BE_FOUND to be set; set it before the program",
        ),
        ("env:EMPTY_SECRET", "the environment variable EMPTY_SECRET to hold the secret; it is set, but empty"),
        ("env:", "the name of an environment variable, as in env:SLACK_URL"),
        ("file:", "the path of a file, as in file:/run/secrets/slack"),
        ("file:\0", "the path of a file, as in file:/run/secrets/slack"),
        ("file:nowhere", "a file that can be read at nowhere (No such file or directory)"),
        ("file:.", "a regular file at ."),
        ("file:empty", "the file empty to hold the secret; it is empty"),
        ("file:binary", "UTF-8 text in the file binary"),
        ("file:huge", "a file of at most 64 KiB at huge; this is hardly a secret"),
        ("file:~no-such-user-here/x", "a path whose '~' is known, unlike that of ~no-such-user-here/x"),
        ("", "a secret that is not empty, as env:NAME or file:PATH"),
        ("  ", "a secret that is not empty, as env:NAME or file:PATH"),
    ],
)
def test_a_secret_that_is_not_there_is_told_with_what_to_do(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPTY_SECRET", " ")
    Path("empty").write_bytes(b"\n")
    Path("binary").write_bytes(b"canary\xff")
    Path("huge").write_bytes(b"x" * (MAX_BYTES + 1))

    with pytest.raises(ValueError, match=f"^{re.escape(words)}") as caught:
        read_secret(text)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_literal_is_taken_and_warned_about(secret: Secret) -> None:
    spec = ChannelSpec(
        "slack", options={"url": CANARY, "smtp": {"password": CANARY}, "token": secret, "urls": [CANARY]}
    )

    assert literal_secrets((spec,)) == [
        "channel 'slack': url is written out; put it into the environment (env:NAME) or a file (file:PATH)",
        "channel 'slack': password is written out; put it into the environment (env:NAME) or a file (file:PATH)",
        "channel 'slack': urls is written out; put it into the environment (env:NAME) or a file (file:PATH)",
    ]


@pytest.mark.parametrize(
    "name", ["url", "URL", "slack_url", "api-key", "token", "password", "smtp_password", "secret", "urls"]
)
def test_an_option_is_secret_by_a_word_of_its_name(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["name", "keyboard", "curl", "stream", "to", "tokenizer"])
def test_other_options_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_secret_options_are_sealed_at_any_depth() -> None:
    spec = ChannelSpec(
        "email", options={"to": "a@b", "auth": {"user": "me", "token": CANARY}, "keys": {"one": [CANARY]}}
    )

    assert spec.options["to"] == "a@b"
    assert spec.options["auth"]["user"] == "me"
    assert spec.options["auth"]["token"].reveal() == CANARY
    assert spec.options["keys"]["one"][0].reveal() == CANARY
    assert CANARY not in repr(spec)


def test_a_missing_secret_is_a_mistake_at_the_start() -> None:
    with pytest.raises(ConfigError) as caught:
        ChannelSpec("slack", options={"url": "env:NOWHERE", "token": 5, "key": ""})

    assert [str(problem) for problem in caught.value.problems] == [
        (
            "ChannelSpec 'slack': url: found env:NOWHERE, expected the environment variable NOWHERE to be set; "
            "set it before the program starts, or write file:PATH"
        ),
        "ChannelSpec 'slack': token: found ****, expected a text: env:NAME, file:PATH or the secret itself",
        "ChannelSpec 'slack': key: found an empty text, expected a secret that is not empty, as env:NAME or file:PATH",
    ]


@pytest.mark.parametrize(
    "text",
    [
        '[[channel]]\ntype = "slack"\nurl = "{canary}"\n',
        '[[channel]]\ntype = "console"\nurl = "{canary}"\n',
        '[[channel]]\ntype = "console"\nurl = ["{canary}", 5]\n',
        '[[channel]]\ntype = "console"\ntoken = {{ deep = "{canary}", other = 5 }}\n',
        '[[channel]]\ntype = 5\npassword = "{canary}"\n',
        'slack_url = "{canary}"\n',
        "slack_url = {canary}\n",
        '[[channel]]\ntype = "console"\nurl = "{canary}\n',
        '[[channel]]\nurl = "{canary}"\nurl = "{canary}"\n',
        '[channel]\nurl = "{canary}"\n',
        'channel = {{ type = "slack", url = "{canary}" }}\n',
        'channel = ["{canary}"]\n',
        'channel = "{canary}"\n',
        '[[channel]]\ntype = "console"\ncolor = {{ url = "{canary}" }}\n',
        '[[channel]]\ntype = "console"\nstream = ["x", {{ url = "{canary}" }}]\n',
        '[[channel]]\ntype = {{ url = "{canary}" }}\n',
        '[[channel]]\ntype = "console"\nname = [{{ token = "{canary}" }}]\nseverity = {{ token = "{canary}" }}\n',
        "[[channel]]\ntype = 'console'\nkey = '''{canary}",
    ],
)
def test_no_mistake_beside_a_secret_shows_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(text.format(canary=CANARY))

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert CANARY not in str(caught.value)
    assert CANARY not in repr(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in repr(caught.value.problems)


def test_no_mistake_beside_a_secret_argument_shows_it() -> None:
    with pytest.raises(ConfigError) as caught:
        AlertConfig(slack_url=CANARY, cpu_threshold=0.85, channels=[ChannelSpec("slack", options={"url": CANARY})])  # type: ignore[arg-type]

    assert len(caught.value.problems) == 3
    assert CANARY not in "".join(traceback.format_exception(caught.value))
