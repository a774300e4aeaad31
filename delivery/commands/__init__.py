"""The commands of `python -m delivery`, one module each; __main__ lists them."""
