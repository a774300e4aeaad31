"""What Patroni runs when a member starts or changes its role: `callback ACTION ROLE CLUSTER`."""

import os
import sys

from dbserver.api import Kubernetes


def main() -> None:
    """Take the label of the primary from every other pod, so that the Service leads to the new one alone.

    A primary whose node has lost its power keeps its label: nothing there takes it away. One that lives sets
    its own label again within seconds.
    """
    _, _, role, cluster = sys.argv
    if role not in ("primary", "master"):
        return
    kubernetes = Kubernetes()
    selector = f"app.kubernetes.io/name={cluster},app.kubernetes.io/component=server,role=primary"
    for pod in kubernetes.pods(selector):
        name = pod["metadata"]["name"]
        if name != os.environ["POD_NAME"]:
            kubernetes.label_pod(name, {"role": "replica"})


if __name__ == "__main__":
    main()
