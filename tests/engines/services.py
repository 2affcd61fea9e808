"""Where the brokers of the engines' sites are: those that the tests have started."""

from __future__ import annotations

import os

REDIS_VARIABLE = "BGTASKS_ENGINE_REDIS"
POSTGRESQL_VARIABLE = "BGTASKS_ENGINE_POSTGRESQL"


def redis_url() -> str:
    return f"redis://127.0.0.1:{os.environ[REDIS_VARIABLE]}/0"


def postgresql() -> dict[str, str]:
    return {"host": "127.0.0.1", "port": os.environ[POSTGRESQL_VARIABLE], "user": "postgres"}
