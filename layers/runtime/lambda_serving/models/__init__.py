"""Where models lie and how they come: location, store, download, registry (read side).

Imports no web framework and no boto3.
"""
