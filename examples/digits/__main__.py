"""A model that recognises handwritten digits: its training, its service, and a page to draw on."""

import os
from pathlib import Path

import pulumi

from components import MODEL_SERVER, AppImage, Canary, EnvVar, ModelService, Namespace, Training

config = pulumi.Config()
repository = config.require("repository")
namespace = Namespace(f"{pulumi.get_project()}-{pulumi.get_stack()}")

# Files of this machine that image builds need; empty files are left out.
files = {
    "ca": Path(os.environ.get("PIP_CERT", "/dev/null")),
    "pip": Path(os.environ.get("PIP_CONFIG_FILE", "/dev/null")),
}
secrets: dict[str, pulumi.Input[str]] = {
    name: text for name, file in files.items() if (text := file.read_text())
}

# Stacks that promotions deploy to have the image of the server in their stack file, and train nothing.
server: pulumi.Input[str] | None = config.get("image")
if not server:
    server = AppImage("server", context=MODEL_SERVER, repository=repository, secrets=secrets).ref
    trainer = AppImage("trainer", context=Path("train"), repository=f"{repository}-trainer", secrets=secrets)
    variables = config.get_object("training") or {}
    schedule = config.get("schedule")  # such as "30 4 * * *"
    Training(
        "digits",
        namespace=namespace.name,
        image=trainer.ref,
        env=[EnvVar.value(name, value) for name, value in variables.items()],
        schedule=schedule,
        model=config.get("model") if schedule else None,
    )

# `slipway train` writes the model into the stack file.
if model := config.get("model"):
    canary = config.get_object("canary")  # `slipway promote --model --canary` sets it
    scorer = ModelService(
        "scorer",
        namespace=namespace.name,
        model=model,
        canary=Canary(**canary) if canary else None,
        server=server,
        page=Path("page.html").read_text(),
    )
    pulumi.export("url", scorer.url)
    pulumi.export("model", model)
pulumi.export("image", server)
