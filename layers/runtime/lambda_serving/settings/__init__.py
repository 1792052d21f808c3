"""What an endpoint is told: environment variables, and ``endpoint.toml`` with its tables.

The only reader of ``os.environ``. Settings are parsed and checked here, and have no behaviour.
"""
