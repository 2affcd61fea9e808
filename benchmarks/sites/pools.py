"""The threads of the sites that are written by hand; as many as bgtasks_adapters has by default."""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(max_workers=4)
