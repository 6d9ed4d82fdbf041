"""Hostile files and processes at length: ``python -m tests.hostile``; the suite holds a few of each."""
