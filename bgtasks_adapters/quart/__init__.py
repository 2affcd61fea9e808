"""The Quart adapter: one call of ``init_app``, and the view decorator."""

from bgtasks_adapters.quart.app import init_app
from bgtasks_adapters.quart.decorator import with_background_tasks

__all__ = ["init_app", "with_background_tasks"]
