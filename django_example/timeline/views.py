"""The timeline as the piece of HTML that the page reloads, and as JSON for programs."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from django_example.timeline.chart import draw_chart
from django_example.timeline.recording import timeline


@require_GET
@never_cache
def chart(request: HttpRequest) -> HttpResponse:
    """Draw the latest requests."""
    return render(request, "timeline/chart.html", {"chart": draw_chart(timeline.requests())})


@require_GET
@never_cache
def requests_as_json(request: HttpRequest) -> HttpResponse:
    """Return all remembered requests, the latest first, times in Unix seconds."""
    return JsonResponse({"requests": [asdict(record) for record in timeline.requests()]})
