"""`python -m sandbox`."""

import sys

try:
    from sandbox.cli import main
except ModuleNotFoundError as missing:
    if "env" in sys.argv[1:2]:
        print("false")  # so that `eval "$(python -m sandbox env)"` fails as well
    raise SystemExit(
        f"error: the Python package {missing.name} is missing: run `make venv`, "
        "then `.venv/bin/python -m sandbox`"
    ) from None

main()
