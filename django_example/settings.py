"""Settings of the site. The part to copy into a project of your own is marked below."""

import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent
DATA_DIR = Path(os.environ.get("DJANGO_EXAMPLE_DATA", BASE_DIR.parent / ".demo"))
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = "only-for-this-example-on-your-own-machine"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "django_example.urls"

# --- Background tasks: these three, and get_asgi_application/get_wsgi_application ---
INSTALLED_APPS = [
    "bgtasks_adapters.django",
    "django_example.members",
    "django_example.timeline",
]
MIDDLEWARE = [
    "bgtasks_adapters.django.BackgroundTasksMiddleware",
    "django_example.timeline.middleware.timeline_middleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
BGTASKS = {
    "MAX_WORKERS": 4,
    "OBSERVERS": ["django_example.timeline.recording.record_task"],
    "RECEIPT": os.environ.get("DJANGO_EXAMPLE_RECEIPT"),
}
# ------------------------------------------------------------------------------------

TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "site.sqlite3",
        # Views and tasks write at the same time: readers never wait (WAL), and a writer
        # waits for its turn instead of failing with "database is locked".
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

MEDIA_ROOT = DATA_DIR / "media"
USE_THOUSAND_SEPARATOR = True
USE_TZ = True
TIME_ZONE = "UTC"

DEFAULT_FROM_EMAIL = "hello@example.org"
SMTP_HOST = os.environ.get("DJANGO_EXAMPLE_SMTP_HOST", "127.0.0.1")
SMTP_PORT = int(os.environ.get("DJANGO_EXAMPLE_SMTP_PORT", "1025"))
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"OPTIONS": {"host": SMTP_HOST, "port": SMTP_PORT, "timeout": 10}}}
else:
    EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = SMTP_HOST, SMTP_PORT, 10

# Where feedback is announced: the address of a team chat, for example.
FEEDBACK_WEBHOOK_URL = os.environ.get("DJANGO_EXAMPLE_WEBHOOK_URL", "http://127.0.0.1:8025/")
