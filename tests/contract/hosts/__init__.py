"""The applications that the promises are held over, and what they share.

This folder's parent is on the path of the servers' processes, where this package is `hosts`.
Every application offers the same pages, `/<view>/<shape>?queue=<name>&visit=<token>`:

- the view is "def" or "async": how the view is written;
- the shape is how it answers: see `pages`;
- the queue is what it adds before it answers: see `queues`;
- the visit names the test at the gate: see `announce`.
"""
