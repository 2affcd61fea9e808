"""Where the brokers are, for the sites of engines."""

from __future__ import annotations

import os

REDIS_URL = os.environ.get("BGTASKS_REDIS", "redis://127.0.0.1:6379/9")
POSTGRESQL = {
    "host": os.environ.get("BGTASKS_POSTGRESQL_HOST", "127.0.0.1"),
    "user": os.environ.get("BGTASKS_POSTGRESQL_USER", "postgres"),
    "dbname": os.environ.get("BGTASKS_POSTGRESQL_DATABASE", "bgtasks_engines"),
}
