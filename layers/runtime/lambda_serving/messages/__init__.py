"""Requests, answers and results, as values and as bytes.

No module in here runs user code or calls AWS.
"""
