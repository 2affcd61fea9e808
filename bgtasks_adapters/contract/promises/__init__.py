"""The promises: each a test whose docstring says it in one sentence.

They know no framework and no server. What they ask of a host, and see at the gate, is in `served`.
"""

import pkgutil

import pytest

# So that a failed assertion shows its values, as in any module of tests.
pytest.register_assert_rewrite(
    *(f"{__name__}.{one.name}" for one in pkgutil.iter_modules(__path__))
)
