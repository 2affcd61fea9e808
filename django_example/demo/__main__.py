"""The command line of the demo: options, missing packages, the exit status."""

import argparse
import signal
import sys
from importlib.util import find_spec

PACKAGES = {
    "aiosmtpd": "aiosmtpd",
    "anyio": "anyio",
    "django": "Django",
    "httpx": "httpx",
    "PIL": "pillow",
    "rich": "rich",
}


def main() -> int:
    """Run the demo; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m django_example.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop the site after the checks")
    parser.add_argument("--server", choices=["uvicorn", "gunicorn"], default="uvicorn")
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; default: a free one")
    options = parser.parse_args()
    if not 0 <= options.port <= 65535:
        parser.error("--port must be a number from 0 to 65535")

    needed = {**PACKAGES, options.server: options.server}
    if missing := [package for module, package in needed.items() if find_spec(module) is None]:
        command = f"{sys.executable} -m pip install {' '.join(missing)}"
        print(f"The demo needs {', '.join(missing)}. Install with: {command}", file=sys.stderr)
        return 1

    from django_example.demo.story import tell
    from django_example.demo.waiting import DemoError

    # An orderly end at SIGTERM too: the site must not outlive its demo.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        tell(options.server, options.port, once=options.once)
    except DemoError as error:
        print("\n".join([f"The demo failed: {error}", *error.details]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
