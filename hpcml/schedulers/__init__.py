"""Batch systems: commands and replies as pure text. shell.py alone runs processes."""
