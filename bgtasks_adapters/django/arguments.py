"""What ``add_task`` says of Django's own objects, by rules for their classes.

What was tried, with SQLite and PostgreSQL under WSGI and ASGI, and what came of it is told in
docs/arguments.md. No rule makes a query or evaluates a lazy object.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.files.uploadedfile import UploadedFile
from django.core.handlers.wsgi import LimitedStream
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.manager import BaseManager
from django.db.models.query import RawQuerySet
from django.forms import BaseForm
from django.forms.formsets import BaseFormSet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template import RequestContext
from django.utils.functional import SimpleLazyObject, empty

from bgtasks_adapters.arguments import ArgumentRules, Finding, Rule, method_of
from bgtasks_adapters.tasks import BackgroundTask

_REQUEST_OF_DRF = "rest_framework.request.Request"  # no subclass of Django's


def _rule_of(kind: type[Any]) -> Rule | None:
    for base, rule in _RULES.items():
        if issubclass(kind, base):
            return rule
    names = (f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__)
    return _judge_request if _REQUEST_OF_DRF in names else None


def _silences(id: str) -> bool:
    return id in django_settings.SILENCED_SYSTEM_CHECKS


argument_rules = ArgumentRules(_rule_of, _silences)


# What is refused.


def _judge_upload(task: BackgroundTask, value: UploadedFile[Any]) -> Finding:
    return Finding(
        f"the uploaded file {value.name!r}",
        "Django closes when the response ends: before the task runs",
        "Copy it in the view, data = upload.read(), or name = default_storage.save(upload.name, "
        "upload), and pass the copy",
    )


def _judge_stream(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "the request's own stream",
        "Django closes when the response ends: before the task runs",
        "Copy it in the view, data = request.body, and pass the copy",
    )


def _judge_connection(task: BackgroundTask, value: BaseDatabaseWrapper) -> Finding | None:
    if value.allow_thread_sharing:
        return None
    return Finding(
        f"the view's connection to the database {value.alias!r}",
        "works on the view's own thread only",
        "Pass its alias and take connections[alias] in the task, or pass django.db.connection, "
        "which finds the connection of each thread",
    )


# What is warned of.


def _judge_request(task: BackgroundTask, value: object) -> Finding:
    owner, method = method_of(task)
    if owner is value and method is not None and method.startswith("read"):
        return _judge_stream(task, value)
    return Finding(
        "the request",
        "is over when the task runs: changes to its session and messages are lost, its uploads are "
        "closed, and what was not loaded yet is loaded then",
        "Pass what the task needs of it: path=request.path, user_id=request.user.pk",
        "bgtasks.W101",
    )


def _judge_session(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "the session",
        "was saved when the view returned: changes are lost",
        'Pass what the task needs of it: cart=request.session["cart"]',
        "bgtasks.W102",
    )


def _judge_lazy(task: BackgroundTask, value: SimpleLazyObject[Any]) -> Finding | None:
    wrapped: Any = object.__getattribute__(value, "_wrapped")
    if wrapped is not empty:
        return argument_rules.judge(task, wrapped)
    return Finding(
        "a lazy object that was not used yet (request.user is one)",
        "the task evaluates: a query on another thread, behind the view, and an error in an async "
        "def task",
        "Pass what the task needs of it: user_id=request.user.pk",
        "bgtasks.W103",
    )


_CREATORS = (BaseManager, QuerySet)
_CREATING = ("save", "asave", "bulk_create", "abulk_create")


def _judge_instance(task: BackgroundTask, value: Model) -> Finding | None:
    kind = type(value)
    fields: dict[str, Any] = object.__getattribute__(value, "__dict__")
    is_new = fields["_state"].adding
    has_key = all(fields.get(field.attname) is not None for field in kind._meta.pk_fields)
    owner, method = method_of(task)
    if is_new or not has_key:
        if method in _CREATING and (owner is value or issubclass(type(owner), _CREATORS)):
            return None
        return Finding(
            f"an instance of {kind.__name__} without a row",
            f"{'is not saved yet' if is_new else 'was deleted'}: the task cannot load it anew, and "
            "what belongs to it in the database cannot be found",
            "Save it first and pass its key, or pass the values that the task needs",
            "bgtasks.W105",
        )
    if owner is value and method in ("delete", "adelete"):  # they need no more than the key
        return None
    return Finding(
        f"an instance of {kind.__name__}",
        "is the row as it was loaded here: the task sees no later change, and a save() there "
        "writes the old values over newer ones",
        "Pass its key, and load it in the task",
        "bgtasks.W104",
    )


def _judge_queryset(task: BackgroundTask, value: Any) -> Finding | None:
    rows = value._result_cache
    if method_of(task)[0] is value:  # the query is what the task is for
        return None
    if rows is not None:
        return argument_rules.judge(task, rows[0]) if rows else None
    return Finding(
        "a queryset that was not evaluated",
        "the task evaluates: a query on another thread, behind the view, with the rows that are "
        "there by then, and an error in an async def task that does not use async for",
        'Pass keys, list(queryset.values_list("pk", flat=True)), or make the query in the task',
        "bgtasks.W106",
    )


def _judge_response(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "a response",
        "is sent and closed when the task runs: changes to it come too late, and what it streamed "
        "is gone",
        "Pass what the task needs of it: status=response.status_code",
        "bgtasks.W107",
    )


def _judge_form(task: BackgroundTask, value: BaseForm | BaseFormSet[Any]) -> Finding | None:
    if not value.files:
        return None
    return Finding(
        "a form with uploaded files",
        "Django closes when the response ends: before the task runs",
        "Save it in the view and pass the key of what it saved, or pass values from cleaned_data",
        "bgtasks.W108",
    )


def _judge_cursor(task: BackgroundTask, value: object) -> Finding:
    return Finding(
        "a database cursor",
        "belongs to the view's connection, which is closed by then or, with CONN_MAX_AGE, in use "
        "by another request",
        "Pass the rows, cursor.fetchall(), or open a cursor in the task",
        "bgtasks.W109",
    )


_RULES: dict[type[Any], Rule] = {
    UploadedFile: _judge_upload,
    LimitedStream: _judge_stream,
    BaseDatabaseWrapper: _judge_connection,
    HttpRequest: _judge_request,
    RequestContext: _judge_request,
    SessionBase: _judge_session,
    SimpleLazyObject: _judge_lazy,
    Model: _judge_instance,
    QuerySet: _judge_queryset,
    RawQuerySet: _judge_queryset,
    HttpResponseBase: _judge_response,
    BaseForm: _judge_form,
    BaseFormSet: _judge_form,
    CursorWrapper: _judge_cursor,
}
