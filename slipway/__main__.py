"""`python -m slipway`, for where the command `slipway` is not installed."""

from slipway.cli.main import main

main()
