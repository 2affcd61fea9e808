"""The parameter annotated ``BackgroundTasks``: found in a function, filled in, hidden from others.

Framework adapters build their ``with_background_tasks`` from this. The annotation may be a
string, and imported under ``TYPE_CHECKING``. Others are passed on, strings resolved where they can
be; what they mean is nobody's business here.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from typing import TYPE_CHECKING, Any, NamedTuple

from bgtasks_adapters.ambient import get_background_tasks, use_tasks
from bgtasks_adapters.callables import returns_coroutine
from bgtasks_adapters.exceptions import MissingParameterError
from bgtasks_adapters.tasks import BackgroundTasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bgtasks_adapters.dispatch import ResponseScope


class Call:
    """One call of a decorated function: of a view, or of a helper below one.

    With no scope there is no request at hand, and the collection is that of the response around
    the caller, if there is one.
    """

    def __init__(self, scope: ResponseScope | None, *, is_view: bool) -> None:
        self._scope = scope
        self._view = scope.view() if scope is not None and is_view else None
        self.afterwards: Callable[[], Awaitable[None]] | None = None
        """What to await behind the call of an async function."""

    def __enter__(self) -> BackgroundTasks:
        if self._scope is None:
            return get_background_tasks()
        if self._view is not None:
            self._view.__enter__()
            self._using = use_tasks(self._scope)
            self._using.__enter__()
        return self._scope

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if self._view is not None:
            self._using.__exit__()
            self._view.__exit__(kind, error, traceback)

    def returned(self, result: Any) -> None:
        """Be told what the function returned; for adapters that learn from it."""


class _Parameter(NamedTuple):
    """Where the collection goes in a call: by name, and how many arguments may stand before it."""

    name: str
    position: int | None


def inject(
    func: Callable[..., Any], new_call: Callable[[tuple[Any, ...], dict[str, Any]], Call]
) -> Callable[..., Any]:
    """Return ``func`` without its collection parameter, which each call of it fills in.

    ``new_call(args, kwargs)`` is entered around each call and gives the collection; one that the
    caller passed explicitly wins. Works for ``def`` and ``async def``. Raises
    ``MissingParameterError`` where no parameter is annotated ``BackgroundTasks``.
    """
    parameter = find_parameter(func)

    if returns_coroutine(func):

        @functools.wraps(func)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            if _is_given(parameter, args, kwargs):
                return await func(*args, **kwargs)
            call = new_call(args, kwargs)
            with call as tasks:
                args, kwargs = _filled(parameter, args, kwargs, tasks)
                result = await func(*args, **kwargs)
                call.returned(result)
            if call.afterwards is not None:
                await call.afterwards()
            return result

        return _hiding(parameter, func, async_wrapper)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if _is_given(parameter, args, kwargs):
            return func(*args, **kwargs)
        call = new_call(args, kwargs)
        with call as tasks:
            args, kwargs = _filled(parameter, args, kwargs, tasks)
            result = func(*args, **kwargs)
            call.returned(result)
            return result

    return _hiding(parameter, func, wrapper)


def _is_given(parameter: _Parameter, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    name, position = parameter
    if kwargs.get(name) is not None:
        return True
    return (
        position is not None
        and len(args) > position
        and isinstance(args[position], BackgroundTasks)
    )


def _filled(
    parameter: _Parameter, args: tuple[Any, ...], kwargs: dict[str, Any], tasks: BackgroundTasks
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    name, position = parameter
    if position is not None and len(args) > position:
        # The caller knows the signature without this parameter; what stands here comes after it.
        return (*args[:position], tasks, *args[position:]), kwargs
    return args, {**kwargs, name: tasks}


def _hiding(
    parameter: _Parameter, func: Callable[..., Any], wrapper: Callable[..., Any]
) -> Callable[..., Any]:
    namespace = getattr(inspect.unwrap(func), "__globals__", {})
    signature = inspect.signature(func)
    visible = [
        p.replace(annotation=_resolved(p.annotation, namespace))
        for p in signature.parameters.values()
        if p.name != parameter.name
    ]
    wrapper.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=visible,
        return_annotation=_resolved(signature.return_annotation, namespace),
    )
    wrapper.__annotations__ = {
        name: _resolved(annotation, namespace)
        for name, annotation in wrapper.__annotations__.items()
        if name != parameter.name
    }
    return wrapper


def _resolved(annotation: Any, namespace: dict[str, Any]) -> Any:
    # Who reads the wrapper's annotations looks up their names in this module. So strings are
    # resolved here, where the function's module is known, and where they can be.
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, namespace)
    except Exception:  # what it needs is not there yet, or only for type checkers
        return annotation


def find_parameter(func: Callable[..., Any]) -> _Parameter:
    """Find the parameter annotated ``BackgroundTasks``, whatever its name."""
    bare: Any = func
    bound = 0
    if not callable(bare) or isinstance(bare, type):
        raise MissingParameterError(
            f"with_background_tasks: {func!r} is no function. Decorate a view function, or the "
            "method of a class-based view that has the parameter."
        )
    while isinstance(bare, functools.partial):  # Django's method_decorator makes these
        bound += len(bare.args) + (1 if isinstance(bare.func, types.MethodType) else 0)
        bare = bare.func
    bare = inspect.unwrap(bare)
    if isinstance(bare, types.MethodType):
        bare = bare.__func__
    found = _find_in_function(bare)
    if found.position is None:
        return found
    return _Parameter(found.name, found.position - bound)


@functools.lru_cache(maxsize=1024)
def _find_in_function(func: Callable[..., Any]) -> _Parameter:
    annotations: dict[str, Any] = getattr(func, "__annotations__", {})
    namespace: dict[str, Any] = getattr(func, "__globals__", {})
    for name, annotation in annotations.items():
        if name != "return" and _is_collection(annotation, namespace):
            break
    else:
        raise MissingParameterError(_no_parameter(func, annotations))
    parameters = inspect.signature(func).parameters
    kind = parameters[name].kind
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        raise MissingParameterError(
            f"with_background_tasks: the parameter {name!r} of {func.__qualname__} is "
            "positional-only, so it cannot be filled in. Move it behind the '/'."
        )
    is_keyword_only = kind is inspect.Parameter.KEYWORD_ONLY
    return _Parameter(name, None if is_keyword_only else list(parameters).index(name))


def _no_parameter(func: Callable[..., Any], annotations: dict[str, Any]) -> str:
    names = list(inspect.signature(func).parameters)
    likely = [n for n in names if n not in annotations and n in ("background_tasks", "tasks")]
    if likely:
        advice = f"Annotate it: {likely[0]}: BackgroundTasks"
    else:
        advice = "Add one: background_tasks: BackgroundTasks"
    other = [f"{n}: {a}" for n, a in annotations.items() if "BackgroundTask" in str(a)]
    if other:
        advice += f" (this library's class; {', '.join(other)} is another)"
    return (
        f"with_background_tasks: {func.__qualname__}({', '.join(names)}) has no parameter with "
        f"the annotation BackgroundTasks. {advice}"
    )


def _is_collection(annotation: Any, namespace: dict[str, Any]) -> bool:
    if isinstance(annotation, str):
        return any(_names_collection(part, namespace) for part in _alternatives(annotation))
    if isinstance(annotation, type):
        return issubclass(annotation, BackgroundTasks)
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return any(_is_collection(part, namespace) for part in typing.get_args(annotation))
    return False


def _alternatives(annotation: str) -> list[str]:
    text = annotation.strip().strip("'\"")
    for optional in ("Optional[", "typing.Optional["):
        if text.startswith(optional) and text.endswith("]"):
            text = text[len(optional) : -1]
    return [part.strip() for part in text.split("|")]


def _names_collection(text: str, namespace: dict[str, Any]) -> bool:
    if not all(part.isidentifier() for part in text.split(".")):
        return False
    first, *rest = text.split(".")
    if first not in namespace:
        # Imported under TYPE_CHECKING only, so the name is all there is.
        return text.rsplit(".", maxsplit=1)[-1] == BackgroundTasks.__name__
    value = namespace[first]
    for attribute in rest:
        value = getattr(value, attribute, None)
    return _is_collection(value, namespace) if not isinstance(value, str) else False
