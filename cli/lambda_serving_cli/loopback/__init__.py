"""Servers for this machine alone: whom they refuse, and the emulator started behind that.

Imports no other room and, but for what runs ministack, the standard library alone: it runs in
ministack's own environment too.
"""
