"""The tests; a package, so that they can share the hosts and clients of tests/contract."""
