"""Records each request and its tasks, and draws them on one time axis."""
