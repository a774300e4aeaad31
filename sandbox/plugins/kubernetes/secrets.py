"""Which parts of a result are secret: those that come from secret inputs, and the data of any Secret."""

from typing import Any

from sandbox.plugins.kubernetes.values import Properties, Secret, has_secret, is_map


def mark(outputs: Properties, inputs: Any) -> None:
    """Mark as secret, in place, what the inputs have as a secret.

    Maps are looked into; a list with a secret in it becomes one secret, because the API server may reorder it
    (`annotateSecrets` in provider.go of the official plugin).
    """
    if outputs.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in outputs:
                outputs[key] = Secret(outputs[key])
        return
    for key, given in inputs.items() if is_map(inputs) else ():
        value = outputs.get(key)
        if is_map(value) and is_map(given):
            mark(value, given)
        elif key in outputs and not isinstance(value, Secret) and has_secret(given):
            outputs[key] = Secret(value)
