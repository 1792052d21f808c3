"""A cloud on this machine: ministack plays AWS, and the very template is built and deployed to it.

`cloud.bring_up` and `cloud.take_down` are the two ways in. Everything that a cloud leaves on disk
stands in its state folder (`layout.Layout`), so that two can run side by side.
"""
