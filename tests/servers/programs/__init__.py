"""What runs in the servers' processes: the applications, and servers without a command."""
