"""`python -m sandbox`."""

try:
    from sandbox.cli import main
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"error: the Python package {missing.name} is missing: run `make venv`, "
        "then `.venv/bin/python -m sandbox`"
    ) from None

main()
