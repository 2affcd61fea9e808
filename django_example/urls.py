"""The addresses of the site."""

from django.urls import include, path

from django_example.members import views

urlpatterns = [
    path("", views.home, name="home"),
    path("sign-up/", views.sign_up, name="sign-up"),
    path("pictures/", views.upload_picture, name="upload-picture"),
    path("feedback/", views.give_feedback, name="give-feedback"),
    path("contacts/", views.upload_contacts, name="upload-contacts"),
    path("timeline/", include("django_example.timeline.urls")),
]
