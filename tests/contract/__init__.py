"""The promises of the package, written once and held over every host on real servers.

`test_*.py` hold the promises. They know no framework and no server: `pairs.py` lists the hosts
(one application each, below `hosts/`) and which server each is run on, `servers.py` the servers
(how each is started, and what it can do), `client.py` is a client on a raw socket, and `gate.py`
is where tasks in the server's process wait until a test lets them go on. A new adapter is one
more application below `hosts/` and one more entry in `pairs.py`.
"""
