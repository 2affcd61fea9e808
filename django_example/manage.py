"""Run Django's commands for the site: `python django_example/manage.py runserver`."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # The project is a package: import it from the folder around it, not from inside.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_example.settings")
    execute_from_command_line(sys.argv)
