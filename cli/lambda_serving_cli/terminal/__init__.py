"""How commands talk: tables, progress, steps, failures, ``--json``.

Imports no other room.
"""
