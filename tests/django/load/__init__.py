"""Two thousand requests with ORM tasks, and the database's own view of the connections."""
