"""`manage.py check --deploy`: what the settings of a project tell that does not suit production."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test.utils import override_settings

from bgtasks_adapters.django import BackgroundTasksMiddleware
from bgtasks_adapters.django.checks import check_deployment

from .installations import OURS

ROOT = Path(__file__).resolve().parents[2]
SECURITY = "django.middleware.security.SecurityMiddleware"
PLAIN = "tests.django.entry_points.plain_{}"
DROP_IN = "tests.django.entry_points.drop_in_{}"
WRAPPED = "tests.django.entry_points.wrapped_{}"
POSTGRESQL = "django.db.backends.postgresql"


class OwnMiddleware(BackgroundTasksMiddleware):
    """A project's own form of the middleware."""


def ids(**settings: Any) -> list[str]:
    """Return the ids of the warnings for a sound project with these settings changed."""
    sound = {"MIDDLEWARE": [OURS, SECURITY], "BGTASKS": {}}
    with override_settings(**{**sound, **settings}):
        return [str(message.id) for message in check_deployment()]


def bgtasks(**values: Any) -> list[str]:
    return ids(BGTASKS={"HANDLE_SIGTERM": True, **values})


def pooled(pool: object, engine: str = POSTGRESQL, **values: Any) -> list[str]:
    database = {"ENGINE": engine, "OPTIONS": {"pool": pool}}
    with pytest.MonkeyPatch.context() as patch:  # override_settings warns of DATABASES
        patch.setitem(django_settings.DATABASES, "pooled", database)
        return ids(BGTASKS=values)


def test_a_sound_project_has_no_warning() -> None:
    """The middleware first, and settings as they are by default, are nothing to warn of."""
    assert ids() == []
    assert ids(MIDDLEWARE=[f"{__name__}.OwnMiddleware"]) == []
    assert ids(MIDDLEWARE=["bgtasks_adapters.django.middleware.BackgroundTasksMiddleware"]) == []


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [([], ["bgtasks.W001"]), ([SECURITY], ["bgtasks.W001"]), ([SECURITY, OURS], ["bgtasks.W002"])],
)
def test_the_middleware_belongs_first(middleware: Sequence[str], expected: list[str]) -> None:
    """W001: it is missing. W002: something stands before it, where add_task() finds no response."""
    assert ids(MIDDLEWARE=middleware) == expected


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_an_entry_point_of_djangos_own(interface: str) -> None:
    """W003: the setting names Django's own application. One that is wrapped cannot be known."""
    setting = f"{interface.upper()}_APPLICATION"
    assert ids(**{setting: PLAIN.format(interface)}) == ["bgtasks.W003"]
    assert ids(**{setting: DROP_IN.format(interface)}) == []
    assert ids(**{setting: WRAPPED.format(interface)}) == []
    assert ids(**{setting: "no.such.module"}) == []


def test_behind_the_drop_in_the_middleware_is_for_tests_only() -> None:
    """With the boundary as the entry point its place does not matter."""
    assert ids(WSGI_APPLICATION=DROP_IN.format("wsgi"), MIDDLEWARE=[SECURITY, OURS]) == []
    assert ids(ASGI_APPLICATION=DROP_IN.format("asgi"), MIDDLEWARE=[]) == []


def test_a_shutdown_longer_than_the_usual_grace() -> None:
    """W004: SHUTDOWN_TIMEOUT is not below the 30 s after which gunicorn and Kubernetes kill."""
    assert bgtasks(SHUTDOWN_TIMEOUT=30) == ["bgtasks.W004"]
    assert bgtasks(SHUTDOWN_TIMEOUT=29.5) == []
    assert bgtasks(SHUTDOWN_TIMEOUT=90, EXECUTOR="inline") == []


def test_a_pool_that_tasks_can_use_up() -> None:
    """W005: tasks can hold every connection of a PostgreSQL pool."""
    assert pooled(True) == ["bgtasks.W005"]
    assert pooled({"max_size": 4}) == ["bgtasks.W005"]
    assert pooled({"min_size": 2}) == ["bgtasks.W005"]
    assert pooled({"min_size": 2, "max_size": 12}) == []
    assert pooled(True, MAX_WORKERS=3) == []
    assert pooled(True, "django.contrib.gis.db.backends.postgis") == ["bgtasks.W005"]
    assert pooled(False) == []
    assert pooled({"max_size": 4}, "django.db.backends.oracle") == []


def test_sigterm_left_alone() -> None:
    """W006: nobody makes an orderly end of SIGTERM on servers that do not do it themselves."""
    assert bgtasks(HANDLE_SIGTERM=False) == ["bgtasks.W006"]
    assert bgtasks(HANDLE_SIGTERM="auto") == []


def test_several_are_told_together() -> None:
    """All that applies is told, in the order of the ids."""
    settings = {"HANDLE_SIGTERM": False, "SHUTDOWN_TIMEOUT": 60}
    assert ids(MIDDLEWARE=[], BGTASKS=settings) == ["bgtasks.W001", "bgtasks.W004", "bgtasks.W006"]


def test_the_command_shows_message_hint_and_id() -> None:
    """`check --deploy` shows them with what to write; a plain `check` does not."""
    shown = StringIO()
    with override_settings(MIDDLEWARE=[SECURITY, OURS]):
        call_command("check", deploy=True, tags=["bgtasks"], stderr=shown, stdout=shown)
    text = shown.getvalue()
    assert "(bgtasks.W002) The middleware of bgtasks_adapters is not first" in text
    assert f'HINT: Move "{OURS}" to the beginning of MIDDLEWARE.' in text
    shown = StringIO()
    with override_settings(MIDDLEWARE=[]):
        call_command("check", stderr=shown, stdout=shown)
    assert "bgtasks" not in shown.getvalue()


def test_a_real_project(tmp_path: Path) -> None:
    """`manage.py check --deploy` of a project in its own process warns, and can be silenced."""
    settings = tmp_path / "shop_settings.py"
    settings.write_text(
        "SECRET_KEY = 'only for tests'\n"
        "ROOT_URLCONF = 'shop_settings'\n"
        "urlpatterns = []\n"
        "INSTALLED_APPS = ['bgtasks_adapters.django']\n"
        "MIDDLEWARE = []\n"
        "WSGI_APPLICATION = 'shop_wsgi.application'\n"
        "BGTASKS = {'SHUTDOWN_TIMEOUT': 45, 'HANDLE_SIGTERM': False}\n"
        "SILENCED_SYSTEM_CHECKS = ['bgtasks.W006']\n"
    )
    (tmp_path / "shop_wsgi.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "django", "check", "--deploy", "--fail-level=WARNING"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert re.findall(r"\((bgtasks\.W\d+)\)", ended.stderr) == [
        "bgtasks.W001",
        "bgtasks.W003",
        "bgtasks.W004",
    ]
    assert "In the module of shop_wsgi.application import get_wsgi_application" in ended.stderr
