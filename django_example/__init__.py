"""A small sign-up site on Django whose slow work runs after the response.

`members` is the site, `timeline` draws when each response ended and each task ran, and
`python -m django_example.demo` starts the site and plays real requests against it.
"""
