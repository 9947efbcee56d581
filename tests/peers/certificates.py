"""Certificates for the servers of the tests, made by the command `openssl`."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Certificates(NamedTuple):
    """Files in PEM.

    Attributes:
        authority: who signs, to be trusted.
        good: key and certificate of localhost and 127.0.0.1.
        expired: the same, but of yesterday.
        other: key and certificate of another host.
    """

    authority: Path
    good: Path
    expired: Path
    other: Path


def make(folder: Path) -> Certificates:
    """Make all of them; skips the test where there is no openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the command openssl is not installed")
    authority = folder / "authority.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _run(
        openssl, "req", "-x509", *key, "-keyout", "authority.key", "-out", "authority.pem", "-days", "2",
        "-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign", folder=folder,
    )  # fmt: skip
    here, there = "subjectAltName=DNS:localhost,IP:127.0.0.1", "subjectAltName=DNS:other.example"
    good, other = (_signed(openssl, folder, name, alt, 2) for name, alt in (("good", here), ("other", there)))
    return Certificates(authority, good, _signed(openssl, folder, "expired", here, -1), other)


def server_context(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def _signed(openssl: str, folder: Path, name: str, alt: str, days: int) -> Path:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _run(openssl, "req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
         folder=folder)  # fmt: skip
    (folder / f"{name}.ext").write_text(f"{alt}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
    _run(
        openssl, "x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
        "-CAcreateserial", "-out", f"{name}.crt", "-days", str(days), "-extfile", f"{name}.ext", folder=folder,
    )  # fmt: skip
    both = folder / f"{name}.pem"
    both.write_text((folder / f"{name}.key").read_text() + (folder / f"{name}.crt").read_text())
    return both


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
