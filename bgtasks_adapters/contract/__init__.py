"""The contract: the promises of this package, held over any adapter, on real servers.

For who writes an adapter: ``check_adapter`` makes the tests, and a ``Page`` tells the views of the
application under test what to do.
"""

from bgtasks_adapters.contract.check import check_adapter
from bgtasks_adapters.contract.served.pages import Page, PageError

__all__ = ["Page", "PageError", "check_adapter"]
