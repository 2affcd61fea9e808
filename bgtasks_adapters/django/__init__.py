"""The Django adapter: the view decorator and the middleware.

Drop-ins for Django's own entry points are in ``.asgi`` and ``.wsgi``; they alone see a response
to its very end and drain at the server's shutdown.
"""

from bgtasks_adapters.django.decorator import with_background_tasks
from bgtasks_adapters.django.middleware import BackgroundTasksMiddleware

__all__ = ["BackgroundTasksMiddleware", "with_background_tasks"]
