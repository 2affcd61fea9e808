"""How many threads the tasks of a site may have, and the pool of those that are by hand."""

import os
from concurrent.futures import ThreadPoolExecutor

WORKERS_VARIABLE = "BENCHMARKS_WORKERS"
"""In the environment, for every contender that has such a setting alike."""

WORKERS = int(os.environ.get(WORKERS_VARIABLE, "4"))
"""As many as bgtasks_adapters has by default, unless a measurement needs more."""

pool = ThreadPoolExecutor(max_workers=WORKERS)
