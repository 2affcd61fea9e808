"""The script: members from standard input, as the services take them."""

import json
import sys

from bgtasks_adapters import task_scope
from notifications import welcome


def main() -> None:
    with task_scope():
        for member in json.load(sys.stdin):
            welcome(member["id"], member["address"])
        print("Welcome!", flush=True)


if __name__ == "__main__":
    main()
