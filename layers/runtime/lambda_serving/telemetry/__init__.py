"""Telemetry of requests: metrics (EMF records), logs, traces.

A failure in here never fails a request.
"""
