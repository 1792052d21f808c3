"""Which version of an endpoint answers: those loaded, their shares, those taken out.

Nothing here reads an event.
"""
