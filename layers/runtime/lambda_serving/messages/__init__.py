"""Requests, answers and results as values, and as the bytes they travel as.

Nothing here runs user code or asks AWS.
"""
