"""The stand-in for `pulumi-language-python`: what the engine asks of a language, on the Python SDK."""
