"""The commands of `slipway`, a module for each; main.py lists them."""
