"""The doctor's probes, answered by Django's middleware where no boundary stands outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse

from bgtasks_adapters.django.conf import get_settings
from bgtasks_adapters.probes import Answer, Probe, Probes, pieces_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


def answering_probes(
    get_response: Callable[[HttpRequest], Any], *, is_async: bool
) -> Callable[[HttpRequest], Any]:
    """Return a ``get_response`` that answers probes itself and passes on what is none."""
    probes = Probes(get_settings(), "django")

    def find(request: HttpRequest) -> tuple[Probe, Answer] | None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return probes.answer(headers)

    if is_async:

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            found = find(request)
            if found is None:
                passed_on: HttpResponseBase = await get_response(request)
                return passed_on
            probe, answer = found
            if answer.is_paused:
                await probes.apause(probe)
            return _response(answer, is_async=True)

        return answer_async

    def answer_sync(request: HttpRequest) -> HttpResponseBase:
        found = find(request)
        if found is None:
            passed_on: HttpResponseBase = get_response(request)
            return passed_on
        probe, answer = found
        if answer.is_paused:
            probes.pause(probe)
        return _response(answer, is_async=False)

    return answer_sync


def _response(answer: Answer, *, is_async: bool) -> HttpResponseBase:
    headers = dict(answer.all_headers())
    if answer.file is not None and not is_async:
        return FileResponse(answer.file.open("rb"), headers=headers)
    if isinstance(answer.body, tuple) and answer.file is None:
        return HttpResponse(b"".join(answer.body), status=answer.status, headers=headers)
    body: Any = pieces_of(answer) if is_async else answer.body
    return StreamingHttpResponse(body, status=answer.status, headers=headers)
