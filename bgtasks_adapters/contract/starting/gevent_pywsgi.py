"""Start gevent's WSGI server as its documentation does: MODULE:NAME, PORT, "patched" or not."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[3] == "patched":
        from gevent import monkey

        monkey.patch_all()

    from importlib import import_module

    from gevent.pywsgi import WSGIServer

    module, _, name = sys.argv[1].partition(":")
    application = getattr(import_module(module), name)
    WSGIServer(("127.0.0.1", int(sys.argv[2])), application).serve_forever()
