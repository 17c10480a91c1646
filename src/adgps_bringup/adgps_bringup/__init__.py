"""Bringing the stack up: its description, a supervisor, the command line, reports."""
