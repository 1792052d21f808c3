"""Calls from one endpoint to another: ``send_request``, by Lambda's Invoke API.

No HTTP events, models or engines in here.
"""
