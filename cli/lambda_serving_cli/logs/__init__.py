"""The lines of the functions' logs: read, put in order, and shown as a person reads them.

What AWS is asked is in `aws`; the command's options are in `commands`.
"""
