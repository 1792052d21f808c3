"""Engines run models. Each is a small module, imported by the versions that use it.

No web framework and no boto3 in here.
"""
