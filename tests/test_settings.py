"""Settings: their defaults, and a clear error for every bad value."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import pytest

from bgtasks_adapters import InvalidOptionError
from bgtasks_adapters.asgi import BackgroundTasksMiddleware as AsgiMiddleware
from bgtasks_adapters.settings import Settings, SettingsKeywords
from bgtasks_adapters.wsgi import BackgroundTasksMiddleware as WsgiMiddleware


def test_defaults() -> None:
    """The defaults are those that the documentation names."""
    assert {
        field.name: getattr(Settings(), field.name) for field in dataclasses.fields(Settings)
    }.items() >= {
        "executor": "threads",
        "max_workers": 4,
        "max_pending": 1000,
        "overflow": "wait",
        "on_error": "continue",
        "when": "returned",
        "shutdown_timeout": 20.0,
        "handle_sigterm": "auto",
        "receipt": None,
        "observers": (),
    }.items()


def test_settings_are_frozen() -> None:
    """Settings cannot be changed once they are made."""
    settings: Any = Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.max_workers = 5


def observer(event: object) -> None: ...


async def async_observer(event: object) -> None: ...


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("executor", "inline"),
        ("max_workers", 1),
        ("max_pending", 1),
        ("overflow", "refuse"),
        ("on_error", "stop"),
        ("when", "always"),
        ("when", lambda outcome: True),
        ("shutdown_timeout", 0),
        ("shutdown_timeout", 1.5),
        ("handle_sigterm", True),
        ("handle_sigterm", False),
        ("receipt", "receipts.jsonl"),
        ("receipt", pathlib.Path("receipts.jsonl")),
        ("observers", [observer]),
        ("observers", (observer, observer)),
    ],
)
def test_good_values(name: str, value: Any) -> None:
    """Every documented kind of value is taken."""
    kept = getattr(Settings.from_mapping({name: value}), name)
    assert kept == (tuple(value) if name == "observers" else value)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("executor", "processes", "'threads' or 'inline'"),
        ("executor", None, "'threads' or 'inline'"),
        ("max_workers", 0, "1 or more"),
        ("max_workers", -1, "1 or more"),
        ("max_workers", 2.0, "whole number"),
        ("max_workers", "4", "whole number"),
        ("max_workers", True, "whole number"),
        ("max_pending", 0, "1 or more"),
        ("max_pending", None, "whole number"),
        ("overflow", "drop", "'wait' or 'refuse'"),
        ("on_error", "ignore", "'continue' or 'stop'"),
        ("when", "sometimes", "'returned', 'success', 'always'"),
        ("when", None, "'returned', 'success', 'always'"),
        ("shutdown_timeout", -1, "0 or more"),
        ("shutdown_timeout", "20", "seconds"),
        ("shutdown_timeout", True, "seconds"),
        ("shutdown_timeout", None, "seconds"),
        ("shutdown_timeout", float("nan"), "seconds"),
        ("shutdown_timeout", float("inf"), "seconds"),
        ("handle_sigterm", "yes", '"auto", True or False'),
        ("handle_sigterm", None, '"auto", True or False'),
        ("handle_sigterm", 0, '"auto", True or False'),
        ("handle_sigterm", 1, '"auto", True or False'),
        ("receipt", 3, "path of a file"),
        ("observers", observer, "list of callables"),
        ("observers", "module.observer", "list of callables"),
        ("observers", ["module.observer"], "not callable"),
        ("observers", [async_observer], "async"),
    ],
)
def test_bad_values_name_the_setting(name: str, value: Any, advice: str) -> None:
    """A bad value is a ValueError that names the setting, shows the value and says what to use."""
    with pytest.raises(ValueError, match=name) as caught:
        Settings.from_mapping({name: value})
    assert isinstance(caught.value, InvalidOptionError)
    assert advice in str(caught.value)
    assert (repr(value) if name != "observers" else "observers") in str(caught.value)


def test_an_async_when_is_refused() -> None:
    """An async function as `when` is refused: its answer, a coroutine, would always be true."""
    with pytest.raises(InvalidOptionError, match="async"):
        Settings.from_mapping({"when": async_observer})


@pytest.mark.parametrize("middleware", [AsgiMiddleware, WsgiMiddleware])
def test_an_unknown_keyword_of_a_middleware_is_named(middleware: Any) -> None:
    """An unknown setting is an error that names it, the likely one, and all that there are."""
    with pytest.raises(InvalidOptionError, match="'max_worker'") as caught:
        middleware(
            asgi_application if middleware is AsgiMiddleware else wsgi_application, max_worker=3
        )
    assert "Did you mean 'max_workers'?" in str(caught.value)
    assert "shutdown_timeout" in str(caught.value)


def test_the_case_of_a_name_is_no_obstacle_to_the_hint() -> None:
    """A setting in capitals, as Django and Flask have them, is recognised in the message."""
    with pytest.raises(InvalidOptionError, match=r"Did you mean 'max_workers'\?"):
        Settings.from_mapping({"MAX_WORKERS": 3})


async def asgi_application(scope: object, receive: object, send: object) -> None: ...


def wsgi_application(environ: object, start_response: object) -> list[bytes]:
    return []


class WsgiApplication:
    def __call__(self, environ: object, start_response: object) -> list[bytes]:
        return []


class AsgiApplication:
    async def __call__(self, scope: object, receive: object, send: object) -> None: ...


@pytest.mark.parametrize(
    ("middleware", "application", "advice"),
    [
        (AsgiMiddleware, 5, r"5 .*is not callable.*Pass the ASGI application"),
        (WsgiMiddleware, None, r"None .*is not callable.*Pass the WSGI application"),
        (AsgiMiddleware, wsgi_application, r"bgtasks_adapters\.wsgi\.BackgroundTasksMiddleware"),
        (AsgiMiddleware, WsgiApplication(), r"bgtasks_adapters\.wsgi\.BackgroundTasksMiddleware"),
        (WsgiMiddleware, asgi_application, r"bgtasks_adapters\.asgi\.BackgroundTasksMiddleware"),
        (WsgiMiddleware, AsgiApplication(), r"bgtasks_adapters\.asgi\.BackgroundTasksMiddleware"),
    ],
)
def test_what_is_no_application_of_its_kind_is_refused(
    middleware: Any, application: Any, advice: str
) -> None:
    """A boundary around something of the other protocol, or of none, says which one to take."""
    with pytest.raises(TypeError, match=advice):
        middleware(application)


def test_unknown_names_are_spelled_as_the_user_spells_them() -> None:
    """`spelled` writes the names in the message as the framework's configuration has them."""
    with pytest.raises(InvalidOptionError, match="'BGTASKS_MAX_WORKER'") as caught:
        Settings.from_mapping({"max_worker": 3}, spelled=lambda name: f"BGTASKS_{name.upper()}")
    assert "'BGTASKS_MAX_WORKERS'" in str(caught.value)


def test_a_bad_value_is_named_as_the_user_spells_it() -> None:
    """Of a configuration with names of its own, a bad value is named by those."""
    for values in ({"max_workers": 0}, {"when": "sometimes"}, {"observers": "a.path"}):
        (name,) = values
        with pytest.raises(InvalidOptionError, match=f"X_{name.upper()}="):
            Settings.from_mapping(values, spelled=lambda name: f"X_{name.upper()}")


def test_the_keywords_are_the_fields() -> None:
    """What type checkers know as keywords of a middleware are the settings, no more, no less."""
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert SettingsKeywords.__optional_keys__ == fields
