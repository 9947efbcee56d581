"""Who may see, and who may act: the token in the link, the cookie that takes its place, and the mark on each write.

Everything is derived from one token, so nothing is to be stored, and a server that starts again with the same token
knows its visitors. What is compared with a secret is compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from base64 import urlsafe_b64encode
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from tocsin.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "page-token"
MIN_TOKEN: Final = 16
SESSION_S: Final = 30 * 86_400.0


class Scope(IntEnum):
    """What somebody may do; who may act may also read."""

    READ = 1
    ACT = 2


class Keys:
    """The secrets of one page.

    Args:
        token: who has it may act.

    Attributes:
        act_token: as given.
        read_token: who has it may look on; made of the other, so it stays the same as long as that does.
        cookie: the cookie's name. Cookies of one address are shared by all its ports, so each page has its own.
    """

    def __init__(self, token: str) -> None:
        if len(token) < MIN_TOKEN:
            raise ConfigError(f"the page's token has {len(token)} characters; expected {MIN_TOKEN} or more")
        self.act_token = token
        self.read_token = self._sign("read")
        self.cookie = f"tocsin-{hashlib.sha256(self._sign('cookie').encode()).hexdigest()[:12]}"

    def scope_of_token(self, token: str) -> Scope | None:
        """What the bearer of a token may do; None: it is not one of ours."""
        given = token.encode("utf-8", "replace")
        acts = hmac.compare_digest(given, self.act_token.encode())
        reads = hmac.compare_digest(given, self.read_token.encode())
        return Scope.ACT if acts else Scope.READ if reads else None

    def new_session(self, scope: Scope, unix_s: float) -> str:
        """What the cookie holds; good for 30 days."""
        body = f"{scope.value}.{int(unix_s + SESSION_S)}.{secrets.token_urlsafe(12)}"
        return f"{body}.{self._sign('session', body)}"

    def scope_of_session(self, session: str, unix_s: float) -> Scope | None:
        """What the bearer of a cookie may do; None: it is not one of ours, or over."""
        body, _, mark = session.rpartition(".")
        if not hmac.compare_digest(mark.encode("utf-8", "replace"), self._sign("session", body).encode()):
            return None
        scope, expires, _ = body.split(".", 2)
        return Scope(int(scope)) if unix_s < int(expires) else None

    def csrf_of(self, session: str) -> str:
        """What a write of this session carries beside its cookie, to show that our own page sent it."""
        return self._sign("csrf", session)

    def is_csrf(self, session: str, given: str) -> bool:
        """Whether a write carries the mark of its session."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.csrf_of(session).encode())

    def _sign(self, what: str, text: str = "") -> str:
        digest = hmac.new(self.act_token.encode(), f"{what}\0{text}".encode("utf-8", "replace"), hashlib.sha256)
        return urlsafe_b64encode(digest.digest()).decode().rstrip("=")


def kept_token(folder: Path | None) -> str:
    """The token that is kept in a state directory, made if need be; without one, a new token each time.

    One that others could have read is thrown away.
    """
    made = secrets.token_urlsafe(24)
    if folder is None:
        return made
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _read(path)
        if kept:
            return kept
        if kept is not None:
            path.unlink(missing_ok=True)
        return _put(path, made)
    except (OSError, ValueError):
        return made  # a page whose link changes with each start is better than none


def _put(path: Path, made: str) -> str:
    """Make the file with its content in it, at once; of several processes that do, the first has made it for all."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(made + "\n")
        try:
            os.link(fresh, path)
        except FileExistsError:
            return path.read_text("ascii").strip() or made
        except OSError:
            fresh.replace(path)  # a file system without hard links
    finally:
        fresh.unlink(missing_ok=True)
    return made


def _read(path: Path) -> str | None:
    """The token in a file; empty where it is none, or could have been read by others; None: there is no file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    # Where there are no such modes, the folder is the user's own.
    private = os.name != "posix" or (found.st_uid == os.geteuid() and not found.st_mode & 0o077)
    if not stat.S_ISREG(found.st_mode) or not private:
        return ""
    kept = path.read_bytes().strip()
    return kept.decode() if len(kept) >= MIN_TOKEN and kept.isascii() else ""
