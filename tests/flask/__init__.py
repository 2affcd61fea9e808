"""The Flask adapter: `init_app`, `with_background_tasks`, and what a Flask task sees."""
