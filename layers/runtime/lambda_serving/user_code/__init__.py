"""The user's ``Preprocess``: import, isolation from other versions, event loop.

No engines, models or events in here.
"""
