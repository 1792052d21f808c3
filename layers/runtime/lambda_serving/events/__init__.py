"""Event sources: from an event to a request, and from its answer to what Lambda returns.

Nothing here runs user code or loads a model: it asks the environment.
"""
