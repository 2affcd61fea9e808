"""A small Django project for the adapter's tests."""

from pathlib import Path

SECRET_KEY = "only for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.django_site.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "bgtasks_adapters.django",
    "bgtasks_adapters.django.journal",
    "tests.django_site",
]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / "db.sqlite3",
        "TEST": {"NAME": Path(__file__).parent / "test_db.sqlite3"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES: list[dict[str, object]] = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates"},
]
STATIC_URL = "static/"  # a live server asks for it
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
