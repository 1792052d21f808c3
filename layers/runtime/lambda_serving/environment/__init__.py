"""What one execution environment is: its cold start, its parts, its snapshot.

Made once per process. Nothing here reads an event.
"""
