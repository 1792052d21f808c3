"""What runs a model: one small file for each engine, imported by the versions that use it.

Imports no web framework and no boto3.
"""
