"""A service that counts its requests, and whose pods ask Prometheus to read the counter."""

from pathlib import Path
from typing import Any

import pulumi

from components import Exposure, File, Namespace, Resources, WebService
from components.kubernetes.pod import Compute

SOURCE = "/srv/app.py"
config = pulumi.Config()
namespace = Namespace(f"measured-{pulumi.get_stack()}")


def ask_for_scraping(kind: str, args: dict[str, Any]) -> None:
    """Annotate the pods."""
    if kind == "Deployment":
        args["spec"]["template"]["metadata"]["annotations"] = {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "5000",
        }


web = WebService(
    "web",
    namespace=namespace.name,
    image=config.require("image"),
    command=["python3", SOURCE],
    files=[File.text(SOURCE, Path("app.py").read_text())],
    replicas=2,
    expose=Exposure(target_port=5000),
    resources=Resources(
        requests=Compute(cpu="20m", memory="32Mi"), limits=Compute(cpu="100m", memory="64Mi")
    ),
    transform=ask_for_scraping,
)
pulumi.export("url", web.url)
