"""The one way to HTTP for all channels: one deadline, no redirects, TLS as asked, and no address in any error."""

from __future__ import annotations

from tocsin.channels.http.target import Target, https_url, url
from tocsin.channels.http.transport import Answer, Transport

__all__ = ["Answer", "Target", "Transport", "https_url", "url"]
