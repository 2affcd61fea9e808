"""Start a server that has no command of its own, with the log on stderr: SERVER PORT."""

from __future__ import annotations

import sys

from tests.programs import log_everything
from tests.servers.programs.serve import main

if __name__ == "__main__":
    log_everything()
    main(sys.argv[1], int(sys.argv[2]))
