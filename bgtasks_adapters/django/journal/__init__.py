"""The journal in the project's own database: commit and task are one.

An app of its own, since most projects have no use for its table. ``"bgtasks_adapters.django.journal"``
in ``INSTALLED_APPS``, ``manage.py migrate``, and ``BGTASKS = {"JOURNAL": True}``.
"""
