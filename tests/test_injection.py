"""The parameter annotated BackgroundTasks: found, filled in, hidden from others."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional

import pytest
import starlette.background

import bgtasks_adapters
from bgtasks_adapters import BackgroundTasks, MissingParameterError, NoActiveResponseError
from bgtasks_adapters.dispatch import ResponseScope
from bgtasks_adapters.injection import Call, find_parameter, inject
from bgtasks_adapters.settings import Settings

if TYPE_CHECKING:
    # Present for type checkers only, as it is in a view module that has nothing else from here.
    from bgtasks_adapters import BackgroundTasks as OnlyForTypes  # noqa: F401


class Site:
    """A framework with one response: what it injects, and what it was told."""

    def __init__(self) -> None:
        self.scope = ResponseScope(Settings(handle_sigterm=False))
        self.returned: list[object] = []

    def inject(self, func: Callable[..., Any]) -> Any:
        return inject(func, self.new_call)

    def new_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        site = self

        class NotingCall(Call):
            def returned(self, result: Any) -> None:
                site.returned.append(result)

        return NotingCall(self.scope, is_view=True)

    @property
    def tasks(self) -> BackgroundTasks:
        return self.scope


@pytest.fixture
def site() -> Site:
    return Site()


def plain(a: int, tasks: BackgroundTasks, b: int = 2) -> Any:
    return a, tasks, b


def first(tasks: BackgroundTasks, a: int) -> Any:
    return a, tasks, 2


def keyword_only(a: int, *, tasks: BackgroundTasks) -> Any:
    return a, tasks, 2


def optional(a: int, tasks: BackgroundTasks | None = None) -> Any:
    return a, tasks, 2


def old_optional(a: int, tasks: Optional[BackgroundTasks] = None) -> Any:  # noqa: UP045
    return a, tasks, 2


def dotted(a: int, tasks: bgtasks_adapters.BackgroundTasks) -> Any:
    return a, tasks, 2


def quoted(a: int, tasks: "BackgroundTasks") -> Any:  # noqa: UP037
    return a, tasks, 2


def another_name(a: int, jobs: BackgroundTasks) -> Any:
    return a, jobs, 2


def with_unknown_annotations(a: int, tasks: BackgroundTasks, b: "Nowhere" = 2) -> Any:  # type: ignore[name-defined] # noqa: F821, UP037
    return a, tasks, b


def takes_anything(a: int, tasks: BackgroundTasks, *args: int, **kwargs: int) -> Any:
    return a, tasks, kwargs.get("b", 2)


FUNCTIONS = [
    plain,
    first,
    keyword_only,
    optional,
    old_optional,
    dotted,
    quoted,
    another_name,
    with_unknown_annotations,
    takes_anything,
]


@pytest.mark.parametrize("func", FUNCTIONS)
def test_the_collection_is_filled_in(site: Site, func: Callable[..., Any]) -> None:
    """However the annotation is spelled and wherever it stands, the parameter is filled in."""
    view = site.inject(func)
    assert view(1) == (1, site.tasks, 2)
    assert view(a=1) == (1, site.tasks, 2)


def test_arguments_behind_the_parameter_keep_their_places(site: Site) -> None:
    """The caller knows the signature without the parameter: positions count without it."""
    view = site.inject(plain)
    assert view(1, 3) == (1, site.tasks, 3)
    assert view(1, b=3) == (1, site.tasks, 3)


def test_an_explicit_collection_wins(site: Site) -> None:
    """A collection that the caller passes, by name or in its place, is taken."""
    mine = BackgroundTasks()
    view = site.inject(plain)
    assert view(1, tasks=mine) == (1, mine, 2)
    assert view(1, mine) == (1, mine, 2)
    assert view(1, mine, 3) == (1, mine, 3)
    assert site.inject(optional)(1, tasks=None) == (1, site.tasks, 2)


@pytest.mark.parametrize("func", FUNCTIONS)
def test_the_parameter_is_hidden(site: Site, func: Callable[..., Any]) -> None:
    """Tools that look at the signature or the annotations do not see the parameter."""
    view = site.inject(func)
    names = [n for n in inspect.signature(func).parameters if n not in ("tasks", "jobs")]
    assert list(inspect.signature(view).parameters) == names
    assert not {"tasks", "jobs"} & set(view.__annotations__)
    assert {"tasks", "jobs"} & set(func.__annotations__)
    assert view.__name__ == func.__name__


def test_type_hints_of_the_wrapper_resolve(site: Site) -> None:
    """`typing.get_type_hints` of a decorated function gives the other parameters."""
    hints = typing.get_type_hints(site.inject(plain))
    assert hints == {"a": int, "b": int, "return": Any}


def test_strings_are_resolved_where_the_function_stands(site: Site) -> None:
    """Who looks up names in the wrapper's module finds the types of the function's module."""
    view = site.inject(with_unknown_annotations)
    assert view.__globals__ is not globals()
    parameters = inspect.signature(view).parameters
    assert (parameters["a"].annotation, parameters["b"].annotation) == (int, "Nowhere")
    assert inspect.signature(view).return_annotation is Any
    assert view.__annotations__ == {"a": int, "b": "Nowhere", "return": Any}


@pytest.mark.anyio
async def test_async_functions(site: Site) -> None:
    """An async function stays one, with the collection the current one across its awaits."""

    async def view(a: int, tasks: BackgroundTasks) -> Any:
        assert bgtasks_adapters.get_background_tasks() is tasks
        return a, tasks

    decorated = site.inject(view)
    assert inspect.iscoroutinefunction(decorated)
    assert await decorated(1) == (1, site.tasks)
    assert site.returned == [(1, site.tasks)]


def test_a_name_imported_for_type_checkers_only(site: Site) -> None:
    """An annotation that only type checkers can import is known by its name."""
    namespace: dict[str, Any] = {}
    exec(  # a module of its own, in which the name is not imported
        "def view(tasks: 'BackgroundTasks', other: 'Unknown' = 1): return tasks", namespace
    )
    assert site.inject(namespace["view"])() is site.tasks


class Views:
    """Class-based views: what is decorated is a function of the class."""

    def get(self, a: int, tasks: BackgroundTasks) -> Any:
        return a, tasks


def test_methods(site: Site) -> None:
    """A method, decorated in its class or bound, is filled in behind `self`."""

    class Decorated:
        get: Any = site.inject(Views.get)

    assert Decorated().get(1) == (1, site.tasks)
    assert site.inject(Views().get)(1) == (1, site.tasks)
    assert site.inject(functools.partial(Views().get))(1) == (1, site.tasks)
    assert site.inject(functools.partial(plain, 1))(3) == (1, site.tasks, 3)


def test_other_decorators_below_keep_working(site: Site) -> None:
    """A decorator that uses functools.wraps may stand between."""

    @functools.wraps(plain)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    assert site.inject(wrapper)(1) == (1, site.tasks, 2)


def without(request: object, pk: int) -> None: ...


def unannotated(request: object, background_tasks) -> None: ...  # type: ignore[no-untyped-def]


def of_starlette(request: object, tasks: starlette.background.BackgroundTasks) -> None: ...


def positional_only(tasks: BackgroundTasks, /) -> None: ...


@pytest.mark.parametrize(
    ("func", "parts"),
    [
        (without, ["without(request, pk)", "Add one: background_tasks: BackgroundTasks"]),
        (unannotated, ["unannotated", "Annotate it: background_tasks: BackgroundTasks"]),
        (of_starlette, ["of_starlette", "this library's class", "is another"]),
        (positional_only, ["'tasks'", "positional-only"]),
    ],
)
def test_a_missing_parameter_is_named(
    site: Site, func: Callable[..., Any], parts: list[str]
) -> None:
    """A function without the annotated parameter is a TypeError that says what to write."""
    with pytest.raises(TypeError) as caught:
        site.inject(func)
    assert isinstance(caught.value, MissingParameterError)
    for part in parts:
        assert part in str(caught.value)


def test_without_a_response_the_function_is_not_called() -> None:
    """With no response around it, a decorated helper raises before its function is called."""
    called: list[bool] = []

    def helper(tasks: BackgroundTasks) -> None:
        called.append(True)

    decorated = inject(helper, lambda args, kwargs: Call(None, is_view=False))
    with pytest.raises(NoActiveResponseError):
        decorated()
    assert called == []


def test_a_helper_below_gets_the_response_s_collection(site: Site) -> None:
    """A decorated helper that a view calls is given the same collection."""

    def helper(tasks: BackgroundTasks) -> Any:
        return tasks

    decorated = inject(helper, lambda args, kwargs: Call(None, is_view=False))

    def view(tasks: BackgroundTasks) -> Any:
        return decorated(), tasks

    assert site.inject(view)() == (site.tasks, site.tasks)


def test_a_view_that_raises_is_seen(site: Site) -> None:
    """The scope is told of what a decorated view raises, and the error goes on."""

    def view(tasks: BackgroundTasks) -> None:
        tasks.add_task(print)
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        site.inject(view)()
    outcome = site.scope.fates.outcome_for(site.tasks.tasks[0])
    assert (outcome.returned, str(outcome.error)) == (False, "broken")
    site.tasks.tasks.clear()


def test_generator_functions_can_be_decorated(site: Site) -> None:
    """A function that returns an iterator, as a streaming view may, is filled in too."""

    def stream(tasks: BackgroundTasks) -> Iterator[BackgroundTasks]:
        yield tasks

    assert list(site.inject(stream)()) == [site.tasks]


@pytest.mark.parametrize("value", [5, type("View", (), {})])
def test_what_is_no_function_is_refused(value: Any) -> None:
    """A class, or what cannot be called, is refused with the way to decorate a class's methods."""
    with pytest.raises(MissingParameterError, match=r"with_background_tasks: .* is no function"):
        find_parameter(value)
