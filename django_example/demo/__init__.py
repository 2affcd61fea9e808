"""The demo driver: starts the site and its surroundings, visits it, checks what came of it.

`python -m django_example.demo` serves until Ctrl-C; with `--once` it ends by itself.
"""
