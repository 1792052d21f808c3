"""Settings: environment variables, and ``endpoint.toml`` with its tables.

No other package reads ``os.environ``. Settings are parsed and checked here, and have no behaviour.
"""
