"""The user's ``Preprocess``: imported, made, kept apart from other versions, run.

Nothing here knows engines, models or events.
"""
