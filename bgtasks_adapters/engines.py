"""The queue engines whose tasks are known: how each is told, and how each is given a call.

One table, a row an engine. An engine's task is told by its class, never by what it can do: most of
them are callable, and their verbs are alike. No engine is imported here; whoever has one of its
tasks has imported it.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.exceptions import InvalidTaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Call(NamedTuple):
    """One call of an engine's task, as the engine is to have it."""

    id: str
    """That the engine takes as its own, where it can."""
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    options: Mapping[str, Any]
    """The engine's own: a queue, a delay, a priority."""


class Engine(NamedTuple):
    """A row of the table."""

    name: str
    tasks: tuple[str, str]
    """The class of its tasks: module and qualified name."""
    send: Callable[[Any, Call], Any]
    """Give the engine a call; awaited where ``is_async``."""
    function: str
    """The attribute of a task that is the user's function; empty where the task is that."""
    is_async: bool = False
    takes_keywords_only: bool = False
    takes_id: bool = True
    is_sent_here: bool = False
    """Whether it is given calls on the thread that runs tasks, with its database connections."""
    unread_result: Mapping[str, Any] = {}
    """Options for a call whose result nobody reads."""


def _send_celery(task: Any, call: Call) -> None:
    task.apply_async(args=call.args, kwargs=call.kwargs, **{"task_id": call.id, **call.options})


def _send_dramatiq(actor: Any, call: Call) -> None:
    options = dict(call.options)
    delay = options.pop("delay", None)
    message = actor.message_with_options(args=tuple(call.args), kwargs=call.kwargs, **options)
    actor.broker.enqueue(message.copy(message_id=call.id), delay=delay)


def _send_rq(function: Any, call: Call) -> None:
    function.enqueue(*call.args, **{"job_id": call.id, **call.options}, **call.kwargs)


def _send_huey(task: Any, call: Call) -> None:
    task.huey.enqueue(task.s(*call.args, **{"id": call.id, **call.options}, **call.kwargs))


async def _send_taskiq(task: Any, call: Call) -> None:
    kicker = task.kicker().with_task_id(call.id).with_labels(**call.options)
    await kicker.kiq(*call.args, **call.kwargs)


def _send_procrastinate(task: Any, call: Call) -> None:
    task.configure(**call.options).defer(**call.kwargs)


def _send_django(task: Any, call: Call) -> None:
    chosen = task.using(**call.options) if call.options else task
    chosen.enqueue(*call.args, **call.kwargs)


ENGINES = (
    Engine(
        "Celery",
        ("celery.app.task", "Task"),
        _send_celery,
        "run",
        unread_result={"ignore_result": True},
    ),
    Engine("Dramatiq", ("dramatiq.actor", "Actor"), _send_dramatiq, "fn"),
    Engine(
        "RQ",
        ("rq.decorators", "delay"),  # of a function that it makes; see _is_of_rq
        _send_rq,
        "",
    ),
    Engine("Huey", ("huey.api", "TaskWrapper"), _send_huey, "func"),
    Engine(
        "Taskiq",
        ("taskiq.decor", "AsyncTaskiqDecoratedTask"),
        _send_taskiq,
        "original_func",
        is_async=True,
    ),
    Engine(
        "Procrastinate",
        ("procrastinate.tasks", "Task"),
        _send_procrastinate,
        "func",
        takes_keywords_only=True,
        takes_id=False,
    ),
    Engine(
        "django.tasks",
        ("django.tasks.base", "Task"),
        _send_django,
        "func",
        takes_id=False,
        is_sent_here=True,
    ),
)

_RQ = next(engine for engine in ENGINES if engine.name == "RQ")
_CELERY_PROXY = ("celery.local", "Proxy")
"""What Celery's decorator gives until its application is first used."""


class Found(NamedTuple):
    """An engine's task, and its engine."""

    engine: Engine
    task: Any

    @property
    def function(self) -> Callable[..., Any]:
        """The user's function that the task was made of."""
        name = self.engine.function
        found: Callable[..., Any] = getattr(self.task, name) if name else self.task
        return found


def find_engine(given: Any) -> Found | None:
    """Return the engine of one of its tasks; None for anything else."""
    if type(given) is FunctionType:
        return Found(_RQ, given) if _is_of_rq(given) else None
    if _is_a(given, _CELERY_PROXY):
        return find_engine(given._get_current_object())
    found = (engine for engine in ENGINES if _is_a(given, engine.tasks))
    return next((Found(engine, given) for engine in found), None)


def _is_a(given: object, place: tuple[str, str]) -> bool:
    """Tell whether an object is of a class of a module, which then somebody has imported."""
    module, name = place
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and kind in type(given).__mro__


def _is_of_rq(function: FunctionType) -> bool:
    # RQ leaves a plain function, with one of its own as an attribute.
    enqueue = vars(function).get("enqueue")
    return type(enqueue) is FunctionType and enqueue.__globals__.get("__name__") == _RQ.tasks[0]


def package_of(found: Found) -> str:
    """Return the top-level package of the module that an engine's task stands in."""
    return found.function.__module__.partition(".")[0]


def check_call(found: Found, name: str, call: Call) -> None:
    """Refuse a call that its engine could never be given."""
    if found.engine.takes_keywords_only and call.args:
        raise InvalidTaskError(
            f"add_task({name}, ...) got {len(call.args)} positional argument(s), but "
            f"{found.engine.name} takes keywords only. Pass them as name=value."
        )
