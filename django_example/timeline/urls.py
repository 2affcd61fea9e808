"""The addresses of the timeline."""

from django.urls import path

from django_example.timeline import views

urlpatterns = [
    path("", views.chart, name="timeline"),
    path("requests.json", views.requests_as_json, name="timeline-json"),
]
