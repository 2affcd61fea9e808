"""Measurements beside Starlette: ``python -m benchmarks`` prints them as Markdown tables.

Whatever is compared is measured in one run, by turns, so that it meets the same machine; medians
are shown. Nothing here is a test: a number depends on the machine, a ratio much less so.
"""
