"""The dev server: all of ``functions/`` in one process, no build, no emulator.

The endpoints are the very ones that Lambda runs; what differs is what stands around them. Every
request runs in a thread of its own, ``send_request`` is a call in this process, and asynchronous
code runs on an event loop that is its request's own, or its endpoint's where that awaits its calls.
No thread ever waits for a place in a pool, and no loop for one that is blocked, so endpoints may
call each other however deep.
"""
