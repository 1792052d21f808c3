"""One execution environment: its cold start, its parts, its snapshot.

It is made once per process. No module in here reads an event.
"""
