"""Programs that start the servers without a command of their own.

They are run by their path, not as modules: importing the package comes behind the monkey patches.
"""
