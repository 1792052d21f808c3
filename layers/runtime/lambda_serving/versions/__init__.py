"""Which version of an endpoint answers: loading, traffic split, circuit breaker, registry watcher.

No module in here reads an event.
"""
