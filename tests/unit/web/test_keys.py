from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.errors import ConfigError
from tocsin.web.keys import FILE, SESSION_S, Keys, Scope, kept_token

if TYPE_CHECKING:
    from pathlib import Path

NOW_S = 1_700_000_000.0
KEYS = Keys("a-token-of-the-tests")


def test_the_token_may_act_and_the_one_made_of_it_may_look() -> None:
    assert KEYS.scope_of_token(KEYS.act_token) is Scope.ACT
    assert KEYS.scope_of_token(KEYS.read_token) is Scope.READ
    assert Keys(KEYS.act_token).read_token == KEYS.read_token


@given(st.text())
def test_no_other_token_may_anything(token: str) -> None:
    assert token in {KEYS.act_token, KEYS.read_token} or KEYS.scope_of_token(token) is None


@pytest.mark.parametrize("scope", list(Scope))
def test_a_session_holds_for_thirty_days(scope: Scope) -> None:
    session = KEYS.new_session(scope, NOW_S)

    assert KEYS.scope_of_session(session, NOW_S + SESSION_S - 1) is scope
    assert KEYS.scope_of_session(session, NOW_S + SESSION_S + 1) is None
    assert Keys(KEYS.act_token).scope_of_session(session, NOW_S) is scope, "a restart with the same token"


@given(st.integers(0, 80), st.characters())
def test_a_session_that_was_changed_is_none(place: int, letter: str) -> None:
    session = KEYS.new_session(Scope.READ, NOW_S)
    place = min(place, len(session) - 1)
    changed = session[:place] + letter + session[place + 1 :]
    assert changed == session or KEYS.scope_of_session(changed, NOW_S) is None


def test_a_session_of_another_page_is_none() -> None:
    other = Keys("another-token-of-the-tests")
    assert KEYS.scope_of_session(other.new_session(Scope.ACT, NOW_S), NOW_S) is None
    assert KEYS.cookie != other.cookie


def test_each_session_has_a_mark_of_its_own() -> None:
    one, other = KEYS.new_session(Scope.ACT, NOW_S), KEYS.new_session(Scope.ACT, NOW_S)

    assert KEYS.is_csrf(one, KEYS.csrf_of(one))
    assert not KEYS.is_csrf(one, KEYS.csrf_of(other))
    assert not KEYS.is_csrf(one, "")


def test_a_short_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="16 or more"):
        Keys("short")


def test_a_made_token_is_kept_where_nobody_else_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    token = kept_token(folder)

    assert kept_token(folder) == token
    assert len(token) >= 32
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_a_token_that_others_could_read_is_thrown_away(tmp_path: Path) -> None:
    token = kept_token(tmp_path)
    (tmp_path / FILE).chmod(0o644)

    assert kept_token(tmp_path) != token
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("a-token-that-was-planted\n")
    elsewhere.chmod(0o600)
    (tmp_path / FILE).symlink_to(elsewhere)

    assert kept_token(tmp_path) != "a-token-that-was-planted"
    assert elsewhere.read_text() == "a-token-that-was-planted\n"


def test_without_a_folder_each_start_has_a_token_of_its_own() -> None:
    assert kept_token(None) != kept_token(None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_costs_only_the_keeping(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert len(kept_token(tmp_path)) >= 32
