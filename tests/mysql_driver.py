"""The driver of Django's MySQL backend. It has to be there before that backend is imported."""

from __future__ import annotations

import importlib.util
import sys


def load_mysql_driver() -> str | None:
    """Import the driver of Django's MySQL backend, and return its name.

    That is mysqlclient, which has to be compiled. Where it is not, PyMySQL takes its place.
    """
    if importlib.util.find_spec("MySQLdb") is not None:
        return "pymysql" if "pymysql" in sys.modules else "mysqlclient"
    if importlib.util.find_spec("pymysql") is None:
        return None
    import pymysql

    pymysql.install_as_MySQLdb()
    return "pymysql"
