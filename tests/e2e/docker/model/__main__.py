"""A model behind the server of the project, on a Docker engine."""

import pulumi

from components import MODEL_SERVER, AppImage, Exposure, Rollout
from components.docker import ModelService, Namespace
from stack.build_secrets import build_secrets

config = pulumi.Config()
namespace = Namespace(f"model-{pulumi.get_stack()}")
server = AppImage(
    "server", context=MODEL_SERVER, repository=config.require("repository"), secrets=build_secrets()
)
ModelService(
    "scorer",
    namespace=namespace.name,
    model=config.require("model"),
    server=server.ref,
    replicas=1,
    expose=Exposure(port=config.require_int("port"), target_port=8080),
    startup=20,
    rollout=Rollout(timeout=config.get_int("timeout") or 100, termination_grace=6),
)
