"""The settings of the package that every application runs with."""

from __future__ import annotations

import json
import os
from typing import Any

from .announce import observe

SETTINGS: dict[str, Any] = {"observers": (observe,), **json.loads(os.environ["CONTRACT_SETTINGS"])}
