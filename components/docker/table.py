"""The answers of the Docker engine to every argument of every component.

docs/guides/docker.md shows this table, and a test holds both equal; another test fails for an argument that
has no answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from components.docker.answers import Answer, Arguments, Kind
from components.kubernetes.autoscaling import Autoscaling
from components.kubernetes.process.volumes import EmptyDirectory
from components.validation import quantity

NAME_LABEL = "app.kubernetes.io/name"
"""The label by which the `selector` of a component names it."""


def _done(argument: str, text: str) -> Answer:
    return Answer(Kind.DONE, argument, text)


def _refused(
    argument: str, text: str, value: str = "", applies: Callable[[Arguments], bool] | None = None
) -> Answer:
    return Answer(Kind.REFUSED, argument, text, value, applies)


def _said(
    argument: str, text: str, value: str = "", applies: Callable[[Arguments], bool] | None = None
) -> Answer:
    return Answer(Kind.SAID, argument, text, value, applies)


def _scales(arguments: Arguments) -> bool:
    return isinstance(arguments["replicas"], Autoscaling)


def _several(argument: str) -> Callable[[Arguments], bool]:
    """Return whether the argument is true and there are several replicas."""
    return lambda arguments: bool(arguments[argument]) and (_scales(arguments) or arguments["replicas"] > 1)


def _from_objects(arguments: Arguments) -> bool:
    return any("value" not in variable.as_dict for variable in arguments["env"])


def _by_other_labels(arguments: Arguments) -> bool:
    return any(endpoint.pods and set(endpoint.pods) != {NAME_LABEL} for endpoint in arguments["reaches"])


def _by_address(arguments: Arguments) -> bool:
    return any(endpoint.cidr for endpoint in arguments["reaches"])


def _files_of_objects(arguments: Arguments) -> bool:
    return any(file.own_content is None for file in arguments["files"])


def _files_of_read_only(arguments: Arguments) -> bool:
    security = arguments["security"]
    return bool(arguments["files"] and security and security.read_only_root)


def _claims(arguments: Arguments) -> bool:
    return any(not isinstance(volume, EmptyDirectory) for volume in arguments["volumes"])


def _too_much_memory(arguments: Arguments) -> bool:
    empty = [volume.size for volume in arguments["volumes"] if isinstance(volume, EmptyDirectory)]
    resources = arguments["resources"]
    limit = resources and resources.limits.memory
    return bool(limit and sum(map(quantity, (arguments["tmp"], *empty))) >= quantity(limit))


def _ready(test: Callable[[Mapping[str, Any]], bool]) -> Callable[[Arguments], bool]:
    """Return whether there is a ready probe whose action passes a test."""

    def applies(arguments: Arguments) -> bool:
        probes = arguments["probes"]
        return bool(probes and test(probes.ready.action(arguments["expose"].target_port)))

    return applies


_LOGIN = "is not used: the engine pulls with the login in docker:registryAuth"
_ENTRANCE = "has no use: an engine has no entrance; lead the host to the port yourself"
_COMMON = (
    _done("opts", "Pulumi's options of the component"),
    _done("transform", "called with Container, Network or Volume, and the arguments of pulumi_docker"),
)
_CONTAINER = (
    _said("pull_secret", _LOGIN),
    _done("platform", "the platform that is pulled"),
    _done("resources.requests", "shares of the processor, 1024 a core; memory reservation"),
    _done("resources.limits", "limits; memory in whole MiB and without swap"),
    _done("security.user", "user; no new privileges, the engine's seccomp profile"),
    _done("security.group", "group, also of directories; without a user, one more group of the image's"),
    _done("security.read_only_root", "read-only root, with memory at /tmp"),
    _done("security.capabilities", "added; all others are dropped"),
    _said("network_policy", "changes nothing: containers reach only the networks that they declare"),
)

_GRACE = "time from SIGTERM to SIGKILL"
_NO_NODES = "has no use: one engine has no nodes"
_PROCESS = (
    _done("image", "pulled by digest; the containers run its id"),
    _done("command", "the entrypoint; the image's arguments are left out"),
    _done("args", "the arguments of the entrypoint"),
    _done("env", "environment; a value that is a secret stays one in the state"),
    _refused(
        "env",
        "is in a cluster: give the value, by EnvVar.value",
        "EnvVar.secret(…), config_map(…)",
        _from_objects,
    ),
    _done("files", "copied into the container before it starts; a change replaces the container"),
    _refused(
        "files",
        "is in a cluster: give the content, by File.text",
        "File.secret(…), config_map(…)",
        _files_of_objects,
    ),
    _refused(
        "files",
        "needs a root that can be written: PodSecurity(read_only_root=False)",
        "File.text(…)",
        _files_of_read_only,
    ),
    _done("volumes", "memory of that size, which is empty in each new container"),
    _refused(
        "volumes",
        "is of a cluster: keep data in Redis with storage",
        "Volume.claim(…), existing(…)",
        _claims,
    ),
    _done("tmp", "memory of that size at /tmp"),
    _refused(
        "tmp",
        "is memory on an engine: with all volumes it must be below resources.limits.memory",
        applies=_too_much_memory,
    ),
    _done("reaches", "joins the network of the component whose selector is in `pods`"),
    _refused("reaches", "must be a component's selector", "Endpoint(pods=…)", _by_other_labels),
    _said("reaches", "opens every address: the engine does not filter", "Endpoint(cidr=…)", _by_address),
    _done("after", "the containers start after it"),
    _refused("service_account_token", "must be False: the engine has no accounts"),
    *_CONTAINER,
)
_LASTING = (
    _said("replicas", "runs min_replicas: nothing scales on one engine", "Autoscaling(…)", _scales),
    _said("spread", _NO_NODES, applies=_several("spread")),
)

ABSENT: Mapping[str, str] = {
    "Postgres": "Patroni needs the API of a cluster; use a container of postgres:15-bookworm with a volume",
    "CronJob": "an engine starts nothing on a schedule: use cron of the machine, with `docker exec`",
    "ModelService": "a model is copied by an init container, which an engine lacks: serve it on a cluster",
    "Training": "`slipway train` runs trainings on a cluster: name one in a stack of its own",
}
"""The components of a cluster that a Docker engine does not run, and what to do."""

ANSWERS: Mapping[str, tuple[Answer, ...]] = {
    "Namespace": (
        _done("name", "a network on which ports are published, and containers do not reach each other"),
        _done("repository", "names the registry of `credentials`"),
        _said("credentials", _LOGIN),
        _done("create", "with False the network exists"),
        *_COMMON,
    ),
    "Redis": (
        _done("name", "its name on a network of its own, without a way out; the container is NAMESPACE-NAME"),
        _done("namespace", "prefix of the names of container, network and volume"),
        _done("password", "in the environment, a secret in the state; made once if there is none"),
        _said("storage", "is a named volume, whose size the engine does not limit"),
        _done("eviction", "Redis' own setting"),
        _done("image", "pulled once; the container runs its id"),
        *_CONTAINER,
        *_COMMON,
    ),
    "WebService": (
        _done("name", "the name of its proxy on a network of its own, without a way out"),
        _done("namespace", "the network on which the proxy publishes; prefix of names"),
        _done("replicas", "a container each, behind the proxy"),
        *_LASTING,
        _said("disruption_budget", _NO_NODES, applies=_several("disruption_budget")),
        _done("expose.port", "the proxy's port, on its network and on the machine"),
        _done("expose.target_port", "the port that the proxy asks"),
        _done("expose.type", "ClusterIP publishes on 127.0.0.1, the others on every address"),
        _done("expose.public", "label slipway/public of the proxy"),
        _refused("expose.host", _ENTRANCE),
        _refused("expose.paths", _ENTRANCE),
        _refused("expose.via", _ENTRANCE),
        _refused("expose.tls", _ENTRANCE),
        _said("probes.live", "is not used: the engine restarts containers that end, not those that hang"),
        _done("probes.ready", "the health check, which updates await; the proxy asks it too"),
        _refused(
            "probes.ready",
            "is not possible: the proxy speaks HTTP",
            "Probe.http(scheme='HTTPS')",
            _ready(lambda action: action.get("http_get", {}).get("scheme") == "HTTPS"),
        ),
        _refused(
            "probes.ready",
            "is not possible: give Probe.exec with a client of the image",
            "Probe.grpc(…)",
            _ready(lambda action: "grpc" in action),
        ),
        _done("probes.startup", "failed health checks in this time do not count"),
        _said("rollout.max_surge", "is not used: all new containers start before an old one stops"),
        _said(
            "rollout.max_unavailable", "is not used: no old container stops before all new ones are healthy"
        ),
        _done("rollout.timeout", "then the update fails, and the old containers serve on"),
        _refused("rollout.min_ready", "must be 0: the engine counts a container as healthy at once"),
        _said("rollout.pre_stop", "is not waited: the proxy repeats a request that no container accepted"),
        _done("rollout.termination_grace", _GRACE),
        *_PROCESS,
        *_COMMON,
    ),
    "Worker": (
        _done("name", "the beginning of the names of its containers"),
        _done("namespace", "in a label of the containers; prefix of the networks that they join"),
        _done("replicas", "a container each; all new ones are healthy before an old one stops"),
        *_LASTING,
        _done("probe", "the health check, which updates await; without it, 5 seconds in which nothing ends"),
        _said(
            "probe",
            "restarts nothing: containers that end start again, those that hang do not",
            "Probe.exec(…)",
            lambda arguments: arguments["probe"] is not None,
        ),
        _done("grace", _GRACE),
        _done("timeout", "then the update fails, and the old containers work on"),
        *_PROCESS,
        *_COMMON,
    ),
    "Job": (
        _done("name", "the beginning of the name of its container, which stays when it has ended"),
        _done("namespace", "in a label of the container; prefix of the networks that it joins"),
        _done("timeout", "then the container is stopped and the update fails; the next one runs it again"),
        _said("retries", "is not used: a process that fails is not repeated"),
        *_PROCESS,
        *_COMMON,
    ),
}
