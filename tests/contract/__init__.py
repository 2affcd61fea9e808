"""The contract (`bgtasks_adapters.contract`) held over our own adapters, and tests of it.

`hosts/` holds one application a framework, `test_hosts.py` one line for each, and `pairs.py` the
servers that each is tried on. A new adapter is one more application and one more line.
"""
