"""Where models are, and how they are fetched: store, download, registry (read side).

No web framework and no boto3 in here.
"""
