"""Journalled sites that are killed at random moments, and an account of every task.

``make crash`` is ``python -m tests.crash``. ``work`` is the task, ``wsgi``, ``asgi`` and
``django_site`` the applications, ``sites`` starts them and reads their journals, ``killing`` asks
and kills, ``account`` counts.
"""
