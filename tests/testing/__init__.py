"""Tests of the kit for tests: with each framework's own client, and inside each of the runners."""
