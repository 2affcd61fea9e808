"""A Flask application for `flask run`, with the log on stderr."""

from __future__ import annotations

from flask import Flask

from bgtasks_adapters.flask import init_app
from tests.programs import log_everything

log_everything()
app = Flask(__name__)
init_app(app)
