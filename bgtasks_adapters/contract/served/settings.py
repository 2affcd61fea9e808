"""The settings of the package that the application under the contract runs with."""

from __future__ import annotations

import json
import os
from typing import Any

from bgtasks_adapters.contract.served.announce import observe


def settings() -> dict[str, Any]:
    """Return what the test asked for, and the observer that reports to its gate."""
    return {"observers": (observe,), **json.loads(os.environ["CONTRACT_SETTINGS"])}
