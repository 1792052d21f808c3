"""Calls from one endpoint to another: ``send_request``, over the Lambda API.

Nothing here knows HTTP events, models or engines.
"""
