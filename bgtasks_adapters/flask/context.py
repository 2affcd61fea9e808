"""What a Flask task needs around it: an application context; and what it cannot be given."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import current_app, g, has_request_context, request, session
from werkzeug.datastructures import FileStorage
from werkzeug.local import LocalProxy

from bgtasks_adapters.arguments import ArgumentRules, Finding, closed_upload, of_the_request
from bgtasks_adapters.dispatch import SCOPE_KEY, ResponseScope
from bgtasks_adapters.surroundings import HostContext

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from flask import Flask

    from bgtasks_adapters.arguments import Rule
    from bgtasks_adapters.tasks import BackgroundTask


@dataclass(frozen=True)
class FlaskContext(HostContext):
    """Flask's surroundings of tasks: an application context each.

    Those of one application are equal, so that a response has them once.
    """

    app: Flask

    def capture(self, task: BackgroundTask, /) -> None:
        _rules.check(task)
        _note_error_handler()

    def around_task(self, captured: None, /) -> AbstractContextManager[object]:
        return self.app.app_context()


# The methods of Flask that catch what a view or hook raised, and then call an error handler.
_HANDLING = ("full_dispatch_request", "wsgi_app")


def _note_error_handler() -> None:
    # An error handler runs while its exception is being handled. Where no view was running
    # (an unknown URL, a request hook that aborts) this is the first one hears of the exception.
    scope: ResponseScope | None = request.environ.get(SCOPE_KEY) if has_request_context() else None
    error = sys.exception()
    if scope is None or scope.is_fate_known or scope.is_view_running or error is None:
        return
    step = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        if frame.f_code.co_name in _HANDLING and frame.f_globals.get("__name__") == "flask.app":
            scope.view_raised(error)
            return
        step = step.tb_next


_BOUND: dict[str, object] = {"request": request, "session": session, "g": g}
_MARK_OF_MAPPED_CLASS = "_sa_class_manager"
_CURRENT_APP: object = current_app  # the proxy, which its stub passes off as the application


def _rule_of(kind: type[Any]) -> Rule | None:
    if kind is LocalProxy:
        return _judge_proxy
    if issubclass(kind, FileStorage):
        return _judge_upload
    # SQLAlchemy marks the classes that it maps, so it need not be imported, nor be there.
    is_mapped = any(_MARK_OF_MAPPED_CLASS in vars(base) for base in kind.__mro__)
    return _judge_instance if is_mapped else None


def _judge_proxy(task: BackgroundTask, value: object) -> Finding | None:
    if value is _CURRENT_APP:
        return None  # a task has an application context, so this one works
    name = next((f"flask.{name}" for name, proxy in _BOUND.items() if value is proxy), None)
    return of_the_request(name or "a context-bound proxy (flask_login.current_user is one)")


def _judge_upload(task: BackgroundTask, value: FileStorage) -> Finding:
    return closed_upload(value.filename, "Flask", "upload.save(path)")


def _judge_instance(task: BackgroundTask, value: object) -> Finding | None:
    fields: dict[str, Any] = object.__getattribute__(value, "__dict__")
    state: Any = fields.get("_sa_instance_state")
    if state is None or (state.key is None and state.session_id is None):
        return None  # neither loaded nor added to a session: a plain object
    return Finding(
        f"an instance of {type(value).__name__}",
        "belongs to the view's session, which is closed when the response ends: what was not "
        "loaded by then, or expired at a commit, raises DetachedInstanceError, and changes are "
        "not saved",
        "Pass its key, and load it in the task",
        "bgtasks.W113",
    )


_rules = ArgumentRules(_rule_of)
