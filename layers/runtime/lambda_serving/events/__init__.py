"""Event sources: each turns an event into a request, and its answer into what Lambda returns.

No module in here runs user code or loads a model. They ask the environment.
"""
