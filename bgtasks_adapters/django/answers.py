"""What is seen of a view's error where a framework on top of Django has made a response of it.

Django REST framework marks such a response. Django Ninja does not, so that what one of its views
returns tells nothing: unless a decorator saw the operation, its status speaks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

    from bgtasks_adapters.dispatch import ResponseScope


def may_hide_errors(request: HttpRequest) -> bool:
    """Tell whether the view of this request answers what it raises, and leaves no mark of it."""
    match = request.resolver_match
    return match is not None and "ninja" in match.app_names


def note_mark(scope: ResponseScope, response: object) -> None:
    """Note that the view raised, if its response is marked as an answer to that."""
    if getattr(response, "exception", False) is True:
        scope.view_raised("unseen")
