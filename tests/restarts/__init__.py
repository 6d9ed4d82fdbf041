"""Runs that are killed and taken up again; `python -m tests.restarts` does it at length."""
