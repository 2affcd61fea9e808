"""The setting ``BGTASKS``: upper-case names, dotted paths for callables."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from bgtasks_adapters.exceptions import InvalidOptionError
from bgtasks_adapters.settings import Settings

_NONE: dict[str, Any] = {}
_built: list[tuple[Any, Settings]] = []  # the last one, with what it was built from


def get_settings() -> Settings:
    """Return the settings that ``BGTASKS`` holds now, also under ``override_settings``."""
    raw = getattr(django_settings, "BGTASKS", _NONE)
    if not _built or _built[0][0] is not raw:
        _built[:] = [(raw, _build(raw))]
    return _built[0][1]


def _build(raw: Any) -> Settings:
    if not issubclass(type(raw), dict):
        raise InvalidOptionError(f"The setting BGTASKS={raw!r} is not valid: use a dict.")
    values: dict[str, Any] = {}
    for name, value in raw.items():
        if not isinstance(name, str) or name != name.upper():
            raise InvalidOptionError(
                f"Unknown setting BGTASKS[{name!r}]: its names are upper case, such as "
                f'"{str(name).upper()}".'
            )
        values[name.lower()] = value
    if isinstance(values.get("observers"), str):
        raise InvalidOptionError(
            f"Setting BGTASKS['OBSERVERS']={values['observers']!r} is not valid: use a list of "
            "dotted paths or callables."
        )
    if isinstance(values.get("observers"), (list, tuple)):
        values["observers"] = [_resolve("OBSERVERS", each) for each in values["observers"]]
    if isinstance(values.get("handoff"), str):
        values["handoff"] = _resolve("HANDOFF", values["handoff"])
    if values.get("journal") is True:
        values["journal"] = _project_journal()
    if isinstance(values.get("when"), str) and "." in values["when"]:
        values["when"] = _resolve("WHEN", values["when"])
    return Settings.from_mapping(values, spelled=lambda name: f"BGTASKS[{name.upper()!r}]")


def _project_journal() -> object:
    app = "bgtasks_adapters.django.journal"
    if not any(each.startswith(app) for each in django_settings.INSTALLED_APPS):
        raise InvalidOptionError(
            f"Setting BGTASKS['JOURNAL']=True keeps tasks in a table of an app that is not "
            f'installed: put "{app}" into INSTALLED_APPS, and run manage.py migrate. Or name a '
            "file: BGTASKS = {'JOURNAL': '/var/lib/shop/tasks.sqlite3'}"
        )
    from bgtasks_adapters.django.journal.keeper import project_journal  # apps have to be ready

    return project_journal()


def _resolve(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise InvalidOptionError(f"BGTASKS[{name!r}]: {value!r} cannot be imported.") from error
