"""What it takes to see the services at work: how they are started, and whom they deliver to."""
