"""Start Werkzeug's development server as `flask run` does, with a MODULE:NAME and a PORT."""

from __future__ import annotations

import sys
from importlib import import_module

from werkzeug.serving import run_simple

if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    application = getattr(import_module(module), name)
    run_simple("127.0.0.1", int(sys.argv[2]), application, threaded=True)
