"""A Django project with Channels, whose tasks wait at the test's gate, for real servers to run."""
