"""`[web]` and `[health]`: who may see the page, and which rules make a program unfit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tocsin.config import AlertConfig, load_config
from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"


def test_the_page_is_for_this_machine_alone_unless_it_is_said_otherwise() -> None:
    assert dict(AlertConfig().web) == {"host": "127.0.0.1", "port": 8787, "plain_http": False}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_loopback_address_needs_no_certificate(host: str) -> None:
    assert AlertConfig(web={"host": host}).web["host"] == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # noqa: S104 - only read, never bound
def test_beyond_this_machine_it_is_refused_without_a_certificate_or_an_explicit_word(host: str) -> None:
    with pytest.raises(ConfigError, match="plain_http = true"):
        AlertConfig(web={"host": host})

    assert AlertConfig(web={"host": host, "plain_http": True}).web["plain_http"]
    safe = AlertConfig(web={"host": host, "certificate": "page.pem", "private_key": "page.key"})
    assert safe.web["host"] == host


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"host": "status.example"}, "the address to listen on"),
        ({"port": 70_000}, "65_535"),
        ({"hosts": ["https://status.example"]}, "without http://"),
        ({"hosts": ["a b"]}, "without http://"),
        ({"certificate": "page.pem"}, "certificate and private_key together"),
        ({"token": "short"}, "16 or more"),
        ({"token": "with a space in it"}, "16 or more"),
        ({"token": 5}, "a secret"),
        ({"prot": 1}, "an unknown key"),
    ],
)
def test_what_is_wrong_is_said(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AlertConfig(web=given)


def test_a_wrong_token_is_never_shown() -> None:
    with pytest.raises(ConfigError) as found:
        AlertConfig(web={"token": "short-secret"})
    assert "short-secret" not in str(found.value)


def test_a_token_comes_from_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "tocsin.toml").write_text(
        '[web]\ntoken = "file:token"\ncertificate = "a.pem"\nprivate_key = "a.key"\nhosts = "Status.example:8787"\n'
    )
    web = load_config(tmp_path / "tocsin.toml").web

    assert web["token"].reveal() == TOKEN
    assert (web["certificate"], web["private_key"]) == (tmp_path / "a.pem", tmp_path / "a.key")
    assert web["hosts"] == ("status.example:8787",)
    assert TOKEN not in repr(load_config(tmp_path / "tocsin.toml"))


def test_a_token_that_is_not_there_is_a_mistake_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text('[web]\nport = 1\ntoken = "file:nowhere"\n')
    with pytest.raises(ConfigError, match=r"tocsin\.toml:3: web\.token.*nowhere"):
        load_config(tmp_path / "tocsin.toml")


def test_health_names_rules() -> None:
    assert AlertConfig(health={"ready": "memory-high", "live": ["a", "b"]}).health == {
        "ready": ("memory-high",), "live": ("a", "b"),
    }  # fmt: skip


def test_a_rule_that_health_cannot_find_is_remarked_on() -> None:
    assert AlertConfig(health={"live": ["event-loop-blocked"]}).warnings == ()
    [remark] = AlertConfig(health={"live": ["event-loop-blokced"]}).warnings
    assert remark == "health.live: there is no rule 'event-loop-blokced' (did you mean 'event-loop-blocked'?)"


@pytest.mark.parametrize("wrong", [{"alive": []}, {"live": [5]}, {"live": [""]}, []])
def test_health_that_names_no_rules_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="health"):
        AlertConfig(health=wrong)
