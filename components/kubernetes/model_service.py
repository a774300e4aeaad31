"""ModelService: a model by digest, behind the Open Inference Protocol."""

import math
from pathlib import Path
from typing import Annotated, Any

import pulumi
from pydantic import AfterValidator

from components.image import registry
from components.image.reference import ImageReference
from components.image.registry import RegistryCredentials
from components.kubernetes.autoscaling import Scale
from components.kubernetes.component import NamespacedComponent, Transform
from components.kubernetes.env import EnvVar
from components.kubernetes.exposure import Exposure
from components.kubernetes.pod import Compute, PodSecurity, Resources, defaulting_to
from components.kubernetes.probes import Probe, Probes
from components.kubernetes.process.files import File
from components.kubernetes.process.volumes import Volume
from components.kubernetes.rollout import Rollout
from components.kubernetes.web_service import WebService
from components.validation import Count, InputText, Memory, Name, Platform, checked, invalid, quantity
from slipway.images.card import CARD as CARD
from slipway.images.card import SIZE as SIZE
from slipway.images.model_image import DIRECTORY, SlipwayError, read_model

MODEL_SERVER = Path(__file__).parent.parent / "model_server"
"""The source of the server's image, for AppImage."""
PORT = 8080
DEFAULTS = Resources(requests=Compute(cpu="250m", memory="192Mi"), limits=Compute(cpu="1", memory="512Mi"))
ServerResources = Annotated[Resources, defaulting_to(DEFAULTS)]
_COPY = Resources(requests=Compute(cpu="10m", memory="16Mi"), limits=Compute(cpu="500m", memory="64Mi"))
_SHARED = "/srv/shared"
PAGE = "/srv/page.html"
_PROGRAM = "busybox"


def _model(value: str) -> str:
    """Refuse a reference without a digest, and without a repository."""
    return str(ImageReference.parse(value))


Model = Annotated[str, AfterValidator(_model)]
PROBES = {"live": Probe.http("/v2/health/live"), "ready": Probe.http("/v2/health/ready")}


class ModelService(NamespacedComponent):
    """A model behind the Open Inference Protocol, version 2, over HTTP: POST /v2/models/NAME/infer.

    `model` is an image of `slipway train`, by digest; another image is refused here, before anything is
    touched. `server` is the image of `MODEL_SERVER`. An init container of the model's image copies the model
    into the pod, so that nodes pull, keep and check it as every image. A pod is ready if it answers the
    sample row of the card correctly: a model that does not load, or answers wrongly, never replaces the model
    before. ONNX Runtime has as many threads as `resources` has whole CPUs, at least one.

    Responses have the headers X-Model-Version and X-Model-Digest; /metrics has both as labels. `page` is an
    HTML document to serve at /. `space` is the size of the directory for the model. `credentials` are the
    login to read the card with. Other arguments are those of WebService, which this component consists of.

        server = AppImage("server", context=MODEL_SERVER, repository="ghcr.io/you/model-server")
        ModelService("digits", namespace=namespace.name, model=config.require("model"), server=server.ref)
    """

    host: pulumi.Output[str]
    """The name under which pods of the cluster reach it."""
    url: pulumi.Output[str]
    """Its URL, as of WebService."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        model: Model,
        server: InputText,
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
        image = ImageReference.parse(model)
        problems = []
        if expose.target_port != PORT:
            problems.append(f"expose.target_port is {expose.target_port}, but the server listens on {PORT}")
        try:
            published = read_model(image, registry.client(image.repository, credentials))
        except SlipwayError as error:
            problems.append(f"model is refused: {error}")
        if problems:
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        volume = Volume.scratch(_SHARED, size=space)

        def copy_model(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "Deployment":
                annotations = arguments["metadata"].setdefault("annotations", {})
                annotations |= {CARD: published.card.json_text(), SIZE: str(published.size)}
                pod = arguments["spec"]["template"]["spec"]
                mount = volume.mount(name)
                [container] = pod["containers"]
                pod["init_containers"] = _copying(container, str(image), mount)
                container["volume_mounts"] = [
                    {**item, "read_only": True} if item == mount else item
                    for item in container["volume_mounts"]
                ]
            if transform:
                transform(kind, arguments)

        service = WebService(
            name,
            namespace=namespace,
            image=server,
            env=environment(name, image.digest, resources, page is not None, f"{_SHARED}/{DIRECTORY}"),
            files=[File.text(PAGE, page)] if page is not None else (),
            volumes=[volume],
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
            transform=copy_model,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.host, self.url = service.host, service.url
        self.register_outputs({"host": self.host, "url": self.url})


def environment(name: str, digest: str, resources: Resources, has_page: bool, directory: str) -> list[EnvVar]:
    """Return the variables of the server, which finds the model's files in a directory."""
    cpu = resources.limits.cpu
    values = {
        "MODEL_NAME": name,
        "MODEL_DIGEST": digest,
        "MODEL_DIRECTORY": directory,
        "THREADS": str(max(1, math.floor(quantity(cpu)) if cpu else 1)),
        **({"PAGE": PAGE} if has_page else {}),
    }
    return [EnvVar.value(key, value) for key, value in values.items()]


def _copying(server: dict[str, Any], model: str, mount: Any) -> list[dict[str, Any]]:
    """Return the init containers: the image of a model has no program, so the server's lends it one."""
    shared: dict[str, Any] = {"volume_mounts": [mount], "resources": _COPY.as_dict}
    if "security_context" in server:
        shared["security_context"] = server["security_context"]
    program = f"{_SHARED}/{_PROGRAM}"
    lend = ["cp", f"/usr/local/bin/{_PROGRAM}", program]
    copy = [program, "cp", "-r", f"/{DIRECTORY}", _SHARED]
    return [
        {"name": "program", "image": server["image"], "command": lend, **shared},
        {"name": "model", "image": model, "command": copy, **shared},
    ]
