"""The commands: each parses its options, calls one function of a room and prints.

Typer is imported here and nowhere else.
"""
