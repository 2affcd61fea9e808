"""Modules of tests as authors of adapters write them, good and bad.

`test_check_adapter.py` copies them out of the project and runs pytest on them.
"""
