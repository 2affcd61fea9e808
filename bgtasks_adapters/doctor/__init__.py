"""The doctor: what becomes of responses and tasks on a real deployment, measured from outside.

``python -m bgtasks_adapters doctor`` comes here. Nothing else imports this package. The server's
side, which answers, is ``bgtasks_adapters.probes``.
"""
