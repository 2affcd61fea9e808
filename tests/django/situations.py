"""What can happen to a response, each situation as the requests by which it is made.

Their names are the first column of the table in docs/django.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from tests.django_site.views import BODY, meeting

from .exchange import PATIENCE, Reply, ask_asgi, ask_wsgi, ask_wsgiref
from .installations import Interface

View = Literal["def", "async"]
Ask = Callable[[Any, str], object]

GZIP = "django.middleware.gzip.GZipMiddleware"
CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
OWN = "tests.django_site.middleware."
ASK: dict[Interface, Callable[..., Reply]] = {"wsgi": ask_wsgi, "asgi": ask_asgi}


@dataclass(frozen=True)
class Trial:
    """One request, or a few, to the shape of view that makes a situation."""

    interface: Interface
    shape: str
    views: tuple[View, ...] = ("def", "async")
    middleware: tuple[str, ...] = ()
    how: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    is_atomic: bool = False
    ask: Ask | None = None

    def send(self, app: Any, path: str) -> None:
        if self.ask is not None:
            self.ask(app, path)
        else:
            assert ASK[self.interface](app, path, **self.how).status == self.status


def both(shape: str, **options: Any) -> list[Trial]:
    """Try it under WSGI and under ASGI."""
    return [Trial("wsgi", shape, **options), Trial("asgi", shape, **options)]


def leaving(interface: Interface, when: str, shape: str, **options: Any) -> Trial:
    """Let the client leave; nobody is told whether anything reached it."""
    how = {"leaving": when, **options.pop("how", {})}
    if when == "in view":
        how["wait_for_view"] = lambda: meeting.view_started.wait(PATIENCE)
    status = 0 if when == "in view" or (when, interface) == ("before body", "asgi") else 200
    return Trial(interface, shape, how=how, status=status, **options)


def _ask_unchanged(ask: Callable[..., Reply], app: Any, path: str) -> None:
    tag = ask(app, path).headers["etag"]
    reply = ask(app, path, headers={"If-None-Match": tag})
    assert (reply.status, reply.body) == (304, b"")


def _ask_compressed(ask: Callable[..., Reply], app: Any, path: str) -> None:
    reply = ask(app, path, headers={"Accept-Encoding": "gzip"})
    assert reply.headers["content-encoding"] == "gzip"
    assert BODY not in reply.body


def _ask_by_file_wrapper(app: Any, path: str) -> None:
    assert b"200 OK" in ask_wsgiref(app, path)


SITUATIONS: dict[str, Sequence[Trial]] = {
    "The view returns a response, of any status": [
        *both("complete"),
        *both("rendered"),
        *both("returns_404", status=404),
        *both("returns_500", status=500),
        *both("empty", status=204),
        *both("redirect", status=302),
        *both("complete", how={"method": "HEAD"}),
    ],
    "The view raises: `Http404`, `PermissionDenied`, any exception": [
        *both("raises_404", status=404),
        *both("raises_denied", status=403),
        *both("raises_suspicious", status=400),
        *both("raises", status=500),
    ],
    "It raises, and an inner middleware's `process_exception` answers": both(
        "raises", status=418, middleware=(f"{OWN}AnswerExceptions",)
    ),
    "The view returns None": both("returns_none", status=500),
    "The commit of `ATOMIC_REQUESTS` fails": both(
        "commit_fails", status=500, views=("def",), is_atomic=True
    ),
    "A `TemplateResponse` fails to render": both("render_fails", status=500),
    "A middleware raises, behind a view that returned": both(
        "complete", status=500, middleware=(f"{OWN}fail",)
    ),
    "A middleware replaces the response": both(
        "complete", status=202, middleware=(f"{OWN}replace",)
    ),
    "`ConditionalGetMiddleware` answers 304": [
        Trial(interface, "complete", middleware=(CONDITIONAL,), ask=partial(_ask_unchanged, ask))
        for interface, ask in ASK.items()
    ],
    "`GZipMiddleware` compresses it": [
        Trial(interface, shape, middleware=(GZIP,), ask=partial(_ask_compressed, ask))
        for interface, ask in ASK.items()
        for shape in ("complete", "streamed")
    ],
    "`FileResponse`, also with `wsgi.file_wrapper`": [
        Trial("wsgi", "file"),
        Trial("wsgi", "file", how={"method": "HEAD"}),
        Trial("wsgi", "file", ask=_ask_by_file_wrapper),
        Trial("asgi", "file"),
        Trial("asgi", "file", how={"method": "HEAD"}),
    ],
    "`StreamingHttpResponse`": both("streamed"),
    "The stream adds tasks to the view's collection": both("stream_adds_to_parameter"),
    "The stream adds tasks by `add_task()`": both("stream_adds_by_itself"),
    "WSGI: the client leaves before or in the body": [
        leaving("wsgi", when, shape)
        for when, shape in (
            ("before body", "complete"),
            ("before body", "file"),
            ("before body", "streamed"),
            ("in body", "streamed"),
        )
    ],
    "ASGI: it leaves while a `def` view runs": [
        leaving(
            "asgi",
            "in view",
            "waits",
            views=("def",),
            middleware=(f"{OWN}let_view_go_on_when_cancelled",),
        )
    ],
    "ASGI: it leaves while an `async def` view runs": [
        leaving("asgi", "in view", "waits", views=("async",))
    ],
    "ASGI: it leaves before or in the body, and the server says so": [
        leaving("asgi", when, shape, how={"told_by": "receive"})
        for when in ("before body", "in body")
        for shape in ("complete", "file", "streamed")
    ],
    "ASGI: it leaves before or in the body, and `send()` raises": [
        leaving("asgi", when, shape, how={"told_by": "send"})
        for when in ("before body", "in body")
        for shape in ("complete", "streamed")
    ],
    "The client leaves after the body": [
        *both("complete", how={"leaving": "after body"}),
        *both("streamed", how={"leaving": "after body"}),
    ],
}
