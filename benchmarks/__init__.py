"""Measurements beside every peer: ``python -m benchmarks`` writes ``docs/performance.md``.

What is compared is measured in one run, by turns, so that it meets the same machine; medians are
shown, and ratios rather than times. Nothing here is a test: a figure depends on the machine.
"""
