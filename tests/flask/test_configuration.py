"""What an application's configuration and the installed extra promise."""

from __future__ import annotations

from importlib.metadata import requires

import pytest
from flask import Flask

from bgtasks_adapters import InvalidOptionError
from bgtasks_adapters.flask import init_app


def test_a_dict_as_in_django_is_refused() -> None:
    """`BGTASKS` as one dict is Django's spelling; in Flask it is an error that names Flask's."""
    app = Flask(__name__)
    app.config["BGTASKS"] = {"MAX_WORKERS": 8}
    with pytest.raises(InvalidOptionError, match="BGTASKS_MAX_WORKERS"):
        init_app(app)


def test_a_bad_value_is_named_as_in_the_configuration() -> None:
    """A bad value is named as it stands in the configuration."""
    app = Flask(__name__)
    app.config["BGTASKS_MAX_WORKERS"] = "8"
    with pytest.raises(InvalidOptionError, match="BGTASKS_MAX_WORKERS='8'"):
        init_app(app)


def test_the_extra_brings_what_async_views_need() -> None:
    """`bgtasks-adapters[flask]` installs Flask with its own extra for `async def` views."""
    (requirement,) = [r for r in requires("bgtasks-adapters") or [] if r.endswith("'flask'")]
    assert requirement.lower().startswith("flask[async]")
