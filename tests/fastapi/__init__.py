"""Tests of the FastAPI adapter, and of what FastAPI's own class does not do."""
