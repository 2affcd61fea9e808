"""The Quart adapter: `init_app`, `with_background_tasks`, and what a Quart task sees."""
