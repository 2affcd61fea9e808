"""The Django service: settings, one view, and the WSGI entry point with the boundary."""
