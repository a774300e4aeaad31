"""`python -m sandbox`, the same as `sandbox`."""

import sys

try:
    from sandbox.cli import main
except ModuleNotFoundError as missing:
    if "env" in sys.argv[1:2]:
        print("false")  # so that `eval "$(python -m sandbox env)"` fails too
    raise SystemExit(
        f"error: the Python package {missing.name} is not installed: run `make venv`, then .venv/bin/sandbox"
    ) from None

main()
