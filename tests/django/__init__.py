"""The tests of the Django adapter; the project that they run is tests/django_site."""
