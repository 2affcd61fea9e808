"""Sphinx's settings: MyST pages, the furo theme, and the reference made from docstrings."""

from importlib.metadata import version as installed_version

import django
from django.conf import settings

# The Django adapter's modules are imported for the reference, which needs an initialised Django.
settings.configure(INSTALLED_APPS=["bgtasks_adapters.django"], SECRET_KEY="only for building pages")
django.setup()

project = "bgtasks_adapters"
author = "the bgtasks_adapters contributors"
copyright = f"2026, {author}"
release = version = installed_version("bgtasks-adapters")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_display_short_literal_types = True

html_theme = "furo"
html_title = "bgtasks_adapters"
