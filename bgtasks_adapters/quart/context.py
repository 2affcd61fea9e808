"""What a Quart task needs around it: an application context; and what it cannot be given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quart import current_app, g, request, session, websocket
from werkzeug.datastructures import FileStorage
from werkzeug.local import LocalProxy

from bgtasks_adapters.arguments import ArgumentRules, closed_upload, of_the_request
from bgtasks_adapters.surroundings import HostContext

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from quart import Quart

    from bgtasks_adapters.arguments import Finding, Rule
    from bgtasks_adapters.tasks import BackgroundTask


@dataclass(frozen=True)
class QuartContext(HostContext):
    """Quart's surroundings of tasks: an application context each.

    Those of one application are equal, so that a response has them once.
    """

    app: Quart

    def capture(self, task: BackgroundTask, /) -> None:
        _rules.check(task)

    def around_task(self, captured: None, /) -> AbstractAsyncContextManager[object]:
        return self.app.app_context()


_BOUND: dict[str, object] = {
    "quart.request": request,
    "quart.websocket": websocket,
    "quart.session": session,
    "quart.g": g,
}
_CURRENT_APP: object = current_app  # the proxy, which its stub passes off as the application


def _rule_of(kind: type[Any]) -> Rule | None:
    if kind is LocalProxy:
        return _judge_proxy
    return _judge_upload if issubclass(kind, FileStorage) else None


def _judge_proxy(task: BackgroundTask, value: object) -> Finding | None:
    if value is _CURRENT_APP:
        return None  # a task has an application context, so this one works
    name = next((name for name, proxy in _BOUND.items() if value is proxy), None)
    return of_the_request(name or "a context-bound proxy (quart_auth.current_user is one)")


def _judge_upload(task: BackgroundTask, value: FileStorage) -> Finding:
    return closed_upload(value.filename, "Quart", "await upload.save(path)")


_rules = ArgumentRules(_rule_of)
