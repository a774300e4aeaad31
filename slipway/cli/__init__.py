"""The commands of `slipway`, one module each; main.py lists them."""
