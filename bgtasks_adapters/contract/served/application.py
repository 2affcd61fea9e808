"""The application that a server of the contract is given: the author's, the end of it held.

``CONTRACT_HOST`` is "module:name" of the author's ``make_host``.
"""

from __future__ import annotations

import os
from typing import Any

from bgtasks_adapters.contract.served.announce import announce_end_of_main_thread
from bgtasks_adapters.contract.served.ending import HeldAsgiEnd, HeldWsgiEnd
from bgtasks_adapters.contract.served.finding import find_module
from bgtasks_adapters.contract.served.settings import settings
from bgtasks_adapters.exceptions import InvalidApplicationError


def make_application() -> HeldAsgiEnd | HeldWsgiEnd:
    """Call ``make_host``, and put around its application what the promises need to see."""
    module, _, name = os.environ["CONTRACT_HOST"].partition(":")
    make_host = getattr(find_module(module, os.environ["CONTRACT_HOST_FILE"]), name)
    host: object = make_host(settings())
    if not callable(host):
        raise InvalidApplicationError(
            f"{module}:{name}(settings) returned {host!r} of type {type(host).__name__}, which is "
            "not callable. Return the application, with the adapter installed in it."
        )
    application: Any = host
    if os.environ["CONTRACT_INTERFACE"] == "asgi":
        return HeldAsgiEnd(application)
    announce_end_of_main_thread()
    return HeldWsgiEnd(application)


application = make_application()
