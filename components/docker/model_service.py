"""ModelService on a Docker engine: a model by digest, behind the Open Inference Protocol."""

from typing import Any

import pulumi

from components.docker.answers import check, say
from components.docker.component import EngineComponent
from components.docker.table import ANSWERS, SPACE
from components.docker.web_service import WebService
from components.image.reference import ImageReference
from components.image.registry import RegistryCredentials
from components.kubernetes.autoscaling import Scale
from components.kubernetes.canary import Canary
from components.kubernetes.component import Transform
from components.kubernetes.exposure import Exposure
from components.kubernetes.model_reference import Model
from components.kubernetes.model_service import (
    DEFAULTS,
    PAGE,
    PORT,
    PROBES,
    ServerResources,
    environment,
    read_models,
)
from components.kubernetes.pod import PodSecurity
from components.kubernetes.probes import Probes
from components.kubernetes.process.files import File
from components.kubernetes.rollout import Rollout
from components.validation import Count, InputText, Memory, Name, Platform, checked, invalid
from slipway.images.model_image import DIRECTORY

_PATH = f"/{DIRECTORY}"
"""Where the image of a model has its files, and the server finds them."""


class ModelService(EngineComponent):
    """A model behind the Open Inference Protocol, version 2, over HTTP: POST /v2/models/NAME/infer.

    Image, readiness, headers and metrics are those of a cluster. The engine copies the model out of its image
    into a volume of a container that never starts, and the containers of the server read it there. Other
    arguments are those of WebService, which this component consists of.

        server = AppImage("server", context=MODEL_SERVER, repository="localhost:5001/model-server")
        ModelService("digits", namespace=namespace.name, model=config.require("model"), server=server.ref)
    """

    host: pulumi.Output[str]
    """The name under which its clients reach it."""
    url: pulumi.Output[str]
    """Its URL on the engine's machine."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        model: Model,
        server: InputText,
        canary: Canary | None = None,
        credentials: RegistryCredentials | None = None,
        page: InputText | None = None,
        space: Memory = "256Mi",
        replicas: Scale = 2,
        expose: Exposure = Exposure(target_port=PORT),
        resources: ServerResources = DEFAULTS,
        security: PodSecurity | None = PodSecurity(),
        rollout: Rollout = Rollout(),
        startup: Count = 60,
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        network_policy: bool = True,
        disruption_budget: bool = True,
        spread: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Serve the model; raise BadArgument, before anything is touched, if the arguments do not fit."""
        arguments = locals()
        check(ANSWERS["ModelService"], ModelService, arguments)
        image = ImageReference.parse(model)
        _, problems = read_models(model, canary, credentials, expose)
        if problems:
            raise invalid(ModelService, name, problems)
        super().__init__(name, namespace, transform, opts)
        say(check((SPACE,), ModelService, arguments), self)  # the web service says the rest
        files = self._add_files(model)

        def mounted(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "Container" and "ports" not in arguments:  # not the proxy
                arguments["volumes"] = [{"from_container": pulumi.Output.concat(files, ":ro")}]
            if transform:
                transform(kind, arguments)

        service = WebService(
            name,
            namespace=namespace,
            image=server,
            env=environment(name, image.digest, resources, page is not None, _PATH),
            files=[File.text(PAGE, page)] if page is not None else (),
            replicas=replicas,
            expose=expose,
            resources=resources,
            probes=Probes(**PROBES, startup=startup),
            security=security,
            rollout=rollout,
            pull_secret=pull_secret,
            platform=platform,
            network_policy=network_policy,
            disruption_budget=disruption_budget,
            spread=spread,
            transform=mounted,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.host, self.url = service.host, service.url
        self.register_outputs({"host": self.host, "url": self.url})

    def _add_files(self, model: str) -> pulumi.Output[str]:
        """Make the container that has the model's files in a volume, and return its name.

        While a volume is empty, the engine copies into it what the image of a new container has at the path.
        So the container never has to start, and a model needs no program.
        https://docs.docker.com/engine/storage/volumes/#populate-a-volume-using-a-container
        """
        container = self._add_container(
            "-model",
            image=self._pull(model, None, "-model"),
            command=["never started"],
            volumes=[{"container_path": _PATH}],
            network_mode="none",
            start=False,
            must_run=False,
        )
        return container.name
