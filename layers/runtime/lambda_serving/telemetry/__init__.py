"""What an endpoint tells of its requests: metrics (EMF records), logs, traces.

A failure in here never fails a request.
"""
