"""One loaded version of an endpoint: ``preprocess``, ``process``, ``postprocess``.

The only pipeline. Imports no web framework and no boto3.
"""
