"""What to do about a finding that is not good, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bgtasks_adapters.doctor.columns import Finding
from bgtasks_adapters.doctor.ending import SIGTERM_COLUMN

_NO_BOUNDARY = (
    "Django's middleware does not see this. Take the application from bgtasks_adapters.django.asgi "
    "or .wsgi: their boundary sees the very end of each response, and of the server."
)
_OF_WORD = {
    "held": "Something outside of this library's middleware waits for it: make the middleware the "
    "outermost one, and check what stands between it and the client.",
    "no end": "The server never ends a response of this kind, with tasks or without: send a "
    "Content-Length, or use HTTP/1.1 behind the proxy.",
    "lost": "Nobody ended this response: put the asgi or wsgi middleware around the application, "
    "as its outermost one, and on a server that closes what an application returns.",
    "refused": "The server or a proxy ended the connection: look into its log.",
}
_INLINE = 'executor="inline" runs tasks within the request: remove that setting.'
_AT_SIGTERM = {
    "named": "The process ended before its tasks had: raise shutdown_timeout ({timeout:g} s), and "
    "with it the time that the server and its supervisor leave (see the page on servers).",
    "lost": "Set handle_sigterm=True, and have the server and its supervisor leave more than "
    "shutdown_timeout ({timeout:g} s); see the page on servers.",
    "held": "A thread that is not this library's holds the exit: look for one that is no daemon.",
}


def advice_for(finding: Finding, server: Mapping[str, Any]) -> str:
    """Return what to do, with what the server said of itself in mind; empty if nothing."""
    if finding.is_good:
        return ""
    if finding.word == "lost" and server["interface"] == "django":
        return _NO_BOUNDARY
    if finding.column == SIGTERM_COLUMN:
        return _AT_SIGTERM[finding.word].format(timeout=server["shutdown_timeout"])
    if finding.word == "held" and server["executor"] == "inline":
        return _INLINE
    return _OF_WORD[finding.word]
