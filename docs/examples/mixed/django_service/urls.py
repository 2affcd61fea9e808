"""The one URL, and its view."""

import json

from django.http import HttpRequest, HttpResponse
from django.urls import path

from notifications import welcome


def join(request: HttpRequest) -> HttpResponse:
    for member in json.loads(request.body):
        welcome(member["id"], member["address"])
    return HttpResponse("Welcome!")


urlpatterns = [path("members", join)]
