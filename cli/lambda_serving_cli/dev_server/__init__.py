"""The dev server: all of ``functions/``, each endpoint with the packages of its function.

One process has the HTTP routes, the log and the calls between endpoints (``server``, ``fleet``).
Workers run the endpoints, one process for each set of packages (``packages``, ``worker``). A save
loads the endpoint that it belongs to, and no other (``watch``).

The endpoints are the very ones that Lambda runs; what differs is what stands around them. Every
request runs in a thread of its own, and asynchronous code runs on an event loop that is its
request's own, or its endpoint's where that awaits its calls. No thread ever waits for a place in a
pool, and no loop for one that is blocked, so endpoints may call each other however deep.
"""
