"""Dashboards and alarms, made from the endpoints' settings: the content of monitoring.yaml.

Reads and writes no file: project/monitoring.py does.
"""
