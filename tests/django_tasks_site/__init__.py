"""A Django project whose views enqueue tasks of Django's framework, for real servers to run."""
