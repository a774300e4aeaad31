"""ModelService: a model by digest, behind the Open Inference Protocol."""

import math
from pathlib import Path
from typing import Annotated, Any

import pulumi
import pulumi_kubernetes as k8s

from components.image.reference import ImageReference
from components.image.registry import RegistryCredentials
from components.kubernetes.autoscaling import Scale, least
from components.kubernetes.canary import Canary, labelled, second_deployment
from components.kubernetes.component import NAME_LABEL, NamespacedComponent, Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.exposure import Exposure
from components.kubernetes.model_reference import Model, SlipwayError, read
from components.kubernetes.pod import Compute, PodSecurity, Resources, defaulting_to
from components.kubernetes.probes import Probe, Probes
from components.kubernetes.process.files import File
from components.kubernetes.process.volumes import Volume
from components.kubernetes.rollout import Rollout
from components.kubernetes.web_service import WebService
from components.validation import Count, InputText, Memory, Name, Platform, checked, invalid, quantity
from slipway.images.model_card import CARD as CARD
from slipway.images.model_card import SIZE as SIZE
from slipway.images.model_image import DIRECTORY, Published

MODEL_SERVER = Path(__file__).parent.parent / "model_server"
"""The source of the server's image, for AppImage."""
PORT = 8080
DEFAULTS = Resources(requests=Compute(cpu="250m", memory="192Mi"), limits=Compute(cpu="1", memory="512Mi"))
ServerResources = Annotated[Resources, defaulting_to(DEFAULTS)]
_COPY = Resources(requests=Compute(cpu="10m", memory="16Mi"), limits=Compute(cpu="500m", memory="64Mi"))
_SHARED = "/srv/shared"
PAGE = "/srv/page.html"
SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)}
"""The usual annotations by which a Prometheus finds the pods that have /metrics."""
_PROGRAM = "busybox"


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

    `canary` is a second version that answers a share of the requests, in pods of its own. With an
    Autoscaling, it is a share of the fewest replicas. With a share of 0 it is a shadow: a service of its own
    that gets copies of requests.

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
        image = ImageReference.parse(model)
        models, problems = read_models(model, canary, credentials, expose)
        if problems:
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        published = models["model"]
        shared: dict[str, Any] = {
            "namespace": namespace,
            "resources": resources,
            "security": security,
            "rollout": rollout,
            "pull_secret": pull_secret,
            "platform": platform,
            "network_policy": network_policy,
        }
        volume = Volume.scratch(_SHARED, size=space)
        deployment: dict[str, Any] = {}

        def copy_model(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "Deployment":
                annotations = arguments["metadata"].setdefault("annotations", {})
                annotations |= {CARD: published.card.json_text(), SIZE: str(published.size)}
                template = arguments["spec"]["template"]
                template["metadata"].setdefault("annotations", {}).update(SCRAPED)
                pod = template["spec"]
                mount = volume.mount(name)
                [container] = pod["containers"]
                pod["init_containers"] = _copying(container, str(image), mount)
                container["volume_mounts"] = [
                    {**item, "read_only": True} if item == mount else item
                    for item in container["volume_mounts"]
                ]
            if transform:
                transform(kind, arguments)
            if kind == "Deployment":
                deployment.update(arguments)

        env = environment(name, image.digest, resources, page is not None, f"{_SHARED}/{DIRECTORY}")
        shadow = f"{name}-shadow" if canary and not canary.share else ""
        if shadow:
            env.append(EnvVar.value("SHADOW", f"http://{shadow}/v2/models/{shadow}/infer"))
        service = WebService(
            name,
            **shared,
            image=server,
            env=env,
            reaches=[Endpoint(port=PORT, pods={NAME_LABEL: shadow})] if shadow else (),
            files=[File.text(PAGE, page)] if page is not None else (),
            volumes=[volume],
            replicas=replicas,
            expose=expose,
            probes=Probes(**PROBES, startup=startup),
            disruption_budget=disruption_budget,
            spread=spread,
            transform=copy_model,
            opts=pulumi.ResourceOptions(parent=self),
        )
        if canary and shadow:
            ModelService(
                shadow,
                **shared,
                model=canary.model,
                server=server,
                credentials=credentials,
                space=space,
                replicas=1,
                startup=startup,
                transform=labelled(transform),
                opts=pulumi.ResourceOptions(parent=self),
            )
        elif canary:
            second = second_deployment(deployment, canary, models["canary.model"], least(replicas))
            after = pulumi.ResourceOptions(parent=self, depends_on=[service])
            k8s.apps.v1.Deployment(f"{name}-canary", opts=after, **second)
        self.host, self.url = service.host, service.url
        self.register_outputs({"host": self.host, "url": self.url})


def read_models(
    model: str, canary: Canary | None, credentials: RegistryCredentials | None, expose: Exposure
) -> tuple[dict[str, Published], list[str]]:
    """Return the models by their arguments, and the problems of models and of the port."""
    models, problems = {}, []
    for argument, text in (("model", model), *([("canary.model", canary.model)] if canary else [])):
        try:
            models[argument] = read(text, credentials)
        except SlipwayError as error:
            problems.append(f"{argument} is refused: {error}")
    if expose.target_port != PORT:
        problems.append(f"expose.target_port is {expose.target_port}, but the server listens on {PORT}")
    return models, problems


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
