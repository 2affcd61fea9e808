"""The journal in the project's own database: commit and task are one.

An app of its own, since most projects have no use for its table: put
``"bgtasks_adapters.django.journal"`` into ``INSTALLED_APPS``, run ``manage.py migrate``, and set
``BGTASKS = {"JOURNAL": True}``.
"""
