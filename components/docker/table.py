"""The answers of the Docker engine to every argument of every component.

docs/guides/docker.md shows this table, and a test holds both equal; another test fails for an argument that
has no answer.
"""

from collections.abc import Callable, Mapping

from components.docker.answers import Answer, Arguments, Kind
from components.kubernetes.web_service import Autoscaling

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


_LOGIN = "is not used: the engine pulls with the login in docker:registryAuth"
_COMMON = (
    _done("opts", "Pulumi's options of the component"),
    _done("transform", "called with Container, Network or Volume, and the arguments of pulumi_docker"),
)
_CONTAINER = (
    _said("pull_secret", _LOGIN),
    _done("platform", "the platform that is pulled"),
    _done("resources.requests", "shares of the processor, 1024 a core; memory reservation"),
    _done("resources.limits", "limits; memory in whole MiB and without swap"),
    _done("security.user", "user and group; no new privileges, the engine's seccomp profile"),
    _done("security.read_only_root", "read-only root, with 64 MiB of memory at /tmp"),
    _done("security.capabilities", "added; all others are dropped"),
    _said("network_policy", "changes nothing: containers reach only the networks that they declare"),
)

ABSENT: Mapping[str, str] = {}
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
        _done("image", "pulled by digest; the containers run its id"),
        _done("replicas", "a container each, behind the proxy"),
        _said("replicas", "runs min_replicas: nothing scales on one engine", "Autoscaling(…)", _scales),
        _done("env", "environment; a value that is a secret stays one in the state"),
        _refused(
            "env",
            "is in a cluster: give the value, by EnvVar.value",
            "EnvVar.secret(…), config_map(…)",
            _from_objects,
        ),
        _done("expose.port", "the proxy's port, on its network and on the machine"),
        _done("expose.target_port", "the port that the proxy asks"),
        _done("expose.type", "ClusterIP publishes on 127.0.0.1, the others on every address"),
        _done("expose.public", "label slipway/public of the proxy"),
        _said("probes.live", "is not used: the engine restarts containers that end, not those that hang"),
        _done("probes.ready", "the health check, which updates await; the proxy asks it too"),
        _done("probes.startup", "failed health checks in this time do not count"),
        _said("rollout.max_surge", "is not used: all new containers start before an old one stops"),
        _said(
            "rollout.max_unavailable", "is not used: no old container stops before all new ones are healthy"
        ),
        _done("rollout.timeout", "then the update fails, and the old containers serve on"),
        _refused("rollout.min_ready", "must be 0: the engine counts a container as healthy at once"),
        _said("rollout.pre_stop", "is not waited: the proxy repeats a request that no container accepted"),
        _done("rollout.termination_grace", "time from SIGTERM to SIGKILL"),
        _done("reaches", "joins the network of the component whose selector is in `pods`"),
        _refused("reaches", "must be a component's selector", "Endpoint(pods=…)", _by_other_labels),
        _said("reaches", "opens every address: the engine does not filter", "Endpoint(cidr=…)", _by_address),
        _said(
            "disruption_budget", "has no use: one engine has no nodes", applies=_several("disruption_budget")
        ),
        _said("spread", "has no use: one engine has no nodes", applies=_several("spread")),
        _refused("service_account_token", "must be False: the engine has no accounts"),
        *_CONTAINER,
        *_COMMON,
    ),
}
