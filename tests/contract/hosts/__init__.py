"""Our own applications under the contract, one a framework.

Every application offers the same pages, `/<view>/<shape>?queue=<name>&visit=<token>`: see
`bgtasks_adapters.contract.Page`, which does what a page asks for.
"""
