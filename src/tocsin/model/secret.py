"""A value that must not be shown: a token, a password, an address with a key in it.

It is given as `env:NAME` or `file:PATH`, and read once, when the configuration is read. A literal is taken too, and
warned about, since a configuration file is copied, committed and shown to colleagues.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, NoReturn

MASK: Final = "****"
MAX_BYTES: Final = 64 * 1024
LITERAL: Final = "literal"
_SECRET_WORDS: Final = frozenset({
    "url", "urls", "secret", "secrets", "token", "tokens", "password", "passwords", "passwd", "passphrase",
    "key", "keys", "credential", "credentials", "authorization", "dsn", "webhook",
})  # fmt: skip


class Secret:
    """A text that shows itself only when asked by `reveal()`.

    Attributes:
        source: where it came from: `env:NAME`, `file:PATH` or `literal`; safe to show.
    """

    __slots__ = ("_text", "source")

    source: str

    def __init__(self, text: str, source: str = LITERAL) -> None:
        object.__setattr__(self, "_text", text)
        object.__setattr__(self, "source", source)

    def reveal(self) -> str:
        """The text itself, to be handed to whoever needs it and to nobody else."""
        text: str = object.__getattribute__(self, "_text")
        return text

    @property
    def warns(self) -> str:
        """What is unwise about the way it was given; empty when nothing is."""
        return (
            "is written out; put it into the environment (env:NAME) or a file (file:PATH)"
            if self.source == LITERAL
            else ""
        )

    def __repr__(self) -> str:
        return f"Secret({MASK if self.source == LITERAL else self.source})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash((Secret, self.reveal()))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    # A copy would be the same text in a second place; a pickle would be the text in a file.
    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled; hand over its source (env:NAME or file:PATH) instead")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret has no state to hand out")


def read_secret(text: str, *, folder: Path | None = None) -> Secret:
    """Read a secret from where the text says it is.

    Args:
        text: `env:NAME`, `file:PATH`, or the secret itself.
        folder: what a relative PATH is relative to; None: the working directory.
    Returns: the secret; one line end at the end of a file is left out.
    Raises: ValueError: if it is not there or cannot be one; says what is expected, never what was read.
    """
    if text.startswith("env:"):
        return Secret(_from_environment(text.removeprefix("env:").strip()), text)
    if text.startswith("file:"):
        return Secret(_from_file(_path(text.removeprefix("file:").strip(), folder)), text)
    if not text.strip():
        raise ValueError("a secret that is not empty, as env:NAME or file:PATH")
    return Secret(text)


def is_secret_name(name: str) -> bool:
    """Whether an option of this name holds a secret: one of its words is `url`, `token`, `key` or the like."""
    words = name.lower().replace("-", "_").split("_")
    return not _SECRET_WORDS.isdisjoint(words)


def _from_environment(name: str) -> str:
    if not name:
        raise ValueError("the name of an environment variable, as in env:SLACK_URL")
    value = os.environ.get(name)
    if value is None:
        raise ValueError(
            f"the environment variable {name} to be set; set it before the program starts, or write file:PATH"
        )
    if not value.strip():
        raise ValueError(f"the environment variable {name} to hold the secret; it is set, but empty")
    return value


def _path(text: str, folder: Path | None) -> Path:
    if not text or "\0" in text:
        raise ValueError("the path of a file, as in file:/run/secrets/slack")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"a path whose '~' is known, unlike that of {text}") from None
    return folder / path if folder is not None else path


def _from_file(path: Path) -> str:
    try:
        # Asked first, since opening a pipe that nobody writes to would hang the program at its start.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"a regular file at {path}")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"a file that can be read at {path} ({error.strerror or type(error).__name__})") from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"a file of at most {MAX_BYTES // 1024} KiB at {path}; this is hardly a secret")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Not chained: the error would carry the bytes.
        raise ValueError(f"UTF-8 text in the file {path}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise ValueError(f"the file {path} to hold the secret; it is empty")
    return text
