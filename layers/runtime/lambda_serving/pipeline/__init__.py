"""One loaded version of an endpoint: ``preprocess``, ``process``, ``postprocess``.

There is no other pipeline. No web framework and no boto3 in here.
"""
