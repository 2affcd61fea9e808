"""The setting BGTASKS: upper-case names, dotted paths, and what is said of a mistake, at start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.test.utils import override_settings

from bgtasks_adapters import InvalidOptionError, Outcome, TaskEvent
from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.settings import Settings


def observe(event: TaskEvent) -> None:
    """Do nothing."""


def only_created(outcome: Outcome) -> bool:
    return outcome.status == 201


def test_without_it_there_are_the_defaults(settings: Any) -> None:
    """A project without BGTASKS has the defaults of Settings."""
    if hasattr(settings, "BGTASKS"):
        del settings.BGTASKS
    assert get_settings() == Settings()


def test_every_key_is_the_upper_case_of_a_setting() -> None:
    """All fields of Settings can be set."""
    values = {
        "EXECUTOR": "inline",
        "MAX_WORKERS": 2,
        "MAX_PENDING": 10,
        "OVERFLOW": "refuse",
        "ON_ERROR": "stop",
        "WHEN": "always",
        "SHUTDOWN_TIMEOUT": 1.5,
        "HANDLE_SIGTERM": False,
        "RECEIPT": Path("receipts.jsonl"),
        "OBSERVERS": [observe],
    }
    with override_settings(BGTASKS=values):
        found = get_settings()
    lower = {name.lower(): value for name, value in values.items()}
    assert found == Settings(**{**lower, "observers": (observe,)})  # type: ignore[arg-type]


def test_callables_may_be_dotted_paths() -> None:
    """OBSERVERS and WHEN take the dotted path of a callable, or the callable itself."""
    with override_settings(
        BGTASKS={"OBSERVERS": [f"{__name__}.observe"], "WHEN": f"{__name__}.only_created"}
    ):
        found = get_settings()
    assert found.observers == (sys.modules[__name__].observe,)
    assert found.when is sys.modules[__name__].only_created


def test_override_settings_is_followed() -> None:
    """A test that overrides the setting gets other settings, and then the old ones back."""
    before = get_settings()
    with override_settings(BGTASKS={"MAX_WORKERS": 7}):
        assert get_settings().max_workers == 7
    assert get_settings() == before


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ({"MAX_WORKER": 2}, ["MAX_WORKER'", "Did you mean", "MAX_WORKERS"]),
        ({"max_workers": 2}, ["max_workers", "upper case", "MAX_WORKERS"]),
        ({"MAX_WORKERS": "2"}, ["BGTASKS['MAX_WORKERS']=", "'2'", "a whole number"]),
        ({"MAX_WORKERS": 0}, ["BGTASKS['MAX_WORKERS']=", "0", "1 or more"]),
        ({"MAX_PENDING": -1}, ["BGTASKS['MAX_PENDING']=", "-1", "1 or more"]),
        ({"SHUTDOWN_TIMEOUT": "soon"}, ["BGTASKS['SHUTDOWN_TIMEOUT']=", "'soon'", "seconds"]),
        ({"EXECUTOR": "celery"}, ["BGTASKS['EXECUTOR']=", "'celery'", "'threads' or 'inline'"]),
        ({"WHEN": "sometimes"}, ["BGTASKS['WHEN']=", "'sometimes'", "'returned'"]),
        ({"ON_ERROR": None}, ["BGTASKS['ON_ERROR']=", "'continue' or 'stop'"]),
        ({"OBSERVERS": f"{__name__}.observe"}, ["BGTASKS['OBSERVERS']=", "a list of dotted paths"]),
        ({"OBSERVERS": [f"{__name__}.nobody"]}, ["OBSERVERS", "nobody", "cannot be imported"]),
        ({"OBSERVERS": [7]}, ["BGTASKS['OBSERVERS']=", "7 is not callable"]),
        ({"WHEN": "no.such.module"}, ["WHEN", "no.such.module", "cannot be imported"]),
        ({7: 7}, ["7", "upper case"]),
        (["MAX_WORKERS"], ["BGTASKS=['MAX_WORKERS']", "use a dict"]),
        (None, ["BGTASKS=None", "use a dict"]),
    ],
)
def test_a_mistake_is_named(value: Any, parts: list[str]) -> None:
    """The error says which key, what was found there and what would be right."""
    with override_settings(BGTASKS=value), pytest.raises(InvalidOptionError) as caught:
        get_settings()
    for part in parts:
        assert part in str(caught.value)


def test_the_app_checks_it_at_start() -> None:
    """A bad value ends the start of the project, not the first request."""
    program = (
        "import django\n"
        "from django.conf import settings\n"
        "apps = ['bgtasks_adapters.django']\n"
        "settings.configure(INSTALLED_APPS=apps, BGTASKS={'MAX_WORKERS': 0})\n"
        "django.setup()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "InvalidOptionError" in ended.stderr
    assert "BGTASKS['MAX_WORKERS']=0" in ended.stderr


def test_the_app_has_a_label_of_its_own() -> None:
    """The app is found as "bgtasks_adapters", so that "django" stays free."""
    assert apps.get_app_config("bgtasks_adapters").name == "bgtasks_adapters.django"
