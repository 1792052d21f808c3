"""Servers for this machine alone: whom they refuse, and the emulator started behind that.

Imports no other room and, outside `main`, the standard library alone: it runs in ministack's own
environment too.
"""
