"""The settings; CHANNELS_RECEIPT names the file of the receipt."""

import os

from bgtasks_adapters.contract.served.announce import observe

SECRET_KEY = "for the tests only"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.channels_site.asgi"
INSTALLED_APPS = ["bgtasks_adapters.django"]
MIDDLEWARE = ["bgtasks_adapters.django.BackgroundTasksMiddleware"]
BGTASKS = {
    "RECEIPT": os.environ["CHANNELS_RECEIPT"],
    "SHUTDOWN_TIMEOUT": float(os.environ["CHANNELS_SHUTDOWN_TIMEOUT"]),
    "OBSERVERS": [observe],
}
USE_TZ = True
