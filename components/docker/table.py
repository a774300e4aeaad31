"""The answers of the Docker engine to every argument of every component.

docs/guides/docker.md shows this table, and a test holds both equal; another test fails for an argument that
has no answer.
"""

from collections.abc import Callable, Mapping

from components.docker import conditions
from components.docker.answers import Answer, Arguments, Kind


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


_LOGIN = "is not used: the engine pulls with the login in docker:registryAuth"
_ENTRANCE = "has no use: an engine has no entrance; lead the host to the port yourself"
_COMMON = (
    _done("opts", "Pulumi's options of the component"),
    _done("transform", "called with Container, Network or Volume, and the arguments of pulumi_docker"),
)
_IMAGE = "pulled by digest; the containers run its id"
_PULLED = (
    _said("pull_secret", _LOGIN),
    _done("platform", "the platform that is pulled"),
)
_LIMITS = (
    _done("resources.requests", "shares of the processor, 1024 a core; memory reservation"),
    _done("resources.limits", "limits; memory in whole MiB and without swap"),
)
_POLICY = _said("network_policy", "changes nothing: containers reach only the networks that they declare")
_CONTAINER = (
    *_PULLED,
    *_LIMITS,
    _done("security.user", "user; no new privileges, the engine's seccomp profile"),
    _done("security.group", "group, also of directories; without a user, one more group of the image's"),
    _done("security.read_only_root", "read-only root, with memory at /tmp"),
    _done("security.capabilities", "added; all others are dropped"),
    _POLICY,
)

_GRACE = "time from SIGTERM to SIGKILL"
_NO_NODES = "has no use: one engine has no nodes"
_PROCESS = (
    _done("image", _IMAGE),
    _done("command", "the entrypoint, with `$(NAME)` as in pods; the image's arguments are left out"),
    _done("args", "the arguments of the entrypoint, with `$(NAME)` as in pods"),
    _done("env", "environment; a value that is a secret stays one in the state"),
    _refused(
        "env",
        "is in a cluster: give the value, by EnvVar.value",
        "EnvVar.secret(…), config_map(…)",
        conditions.from_objects,
    ),
    _done("files", "copied into the container before it starts; a change replaces the container"),
    _refused(
        "files",
        "is in a cluster: give the content, by File.text",
        "File.secret(…), config_map(…)",
        conditions.files_of_objects,
    ),
    _refused(
        "files",
        "needs a root that can be written: PodSecurity(read_only_root=False)",
        "File.text(…)",
        conditions.files_of_read_only,
    ),
    _done("volumes", "memory of that size, which is empty in each new container"),
    _refused(
        "volumes",
        "is of a cluster: keep data in Redis with storage",
        "Volume.claim(…), existing(…)",
        conditions.claims,
    ),
    _done("tmp", "memory of that size at /tmp"),
    _refused(
        "tmp",
        "is memory on an engine: with all volumes it must be below resources.limits.memory",
        applies=conditions.too_much_memory,
    ),
    _done("reaches", "joins the network of the component whose selector is in `pods`"),
    _refused("reaches", "must be a component's selector", "Endpoint(pods=…)", conditions.by_other_labels),
    _said(
        "reaches",
        "opens every address: the engine does not filter",
        "Endpoint(cidr=…)",
        conditions.by_address,
    ),
    _done("after", "the containers start after it"),
    _refused("service_account_token", "must be False: the engine has no accounts"),
    *_CONTAINER,
)
_LASTING = (
    _said("replicas", "runs min_replicas: nothing scales on one engine", "Autoscaling(…)", conditions.scales),
    _said("spread", _NO_NODES, applies=conditions.several("spread")),
)

_EXPOSED = (
    _said("disruption_budget", _NO_NODES, applies=conditions.several("disruption_budget")),
    _done("expose.port", "the proxy's port, on its network and on the machine"),
    _done("expose.target_port", "the port that the proxy asks"),
    _done("expose.type", "ClusterIP publishes on 127.0.0.1, the others on every address"),
    _done("expose.public", "label slipway/public of the proxy"),
    _refused("expose.host", _ENTRANCE),
    _refused("expose.paths", _ENTRANCE),
    _refused("expose.via", _ENTRANCE),
    _refused("expose.tls", _ENTRANCE),
)
_ROLLOUT = (
    _said("rollout.max_surge", "is not used: all new containers start before an old one stops"),
    _said("rollout.max_unavailable", "is not used: old containers stop when all new ones are healthy"),
    _done("rollout.timeout", "then the update fails, and the old containers serve on"),
    _refused("rollout.min_ready", "must be 0: the engine counts a container as healthy at once"),
    _said("rollout.pre_stop", "is not waited: the proxy repeats a request that no container accepted"),
    _done("rollout.termination_grace", _GRACE),
)

_LOGIN_OF_STORE = "in the environment of the containers, a secret in the state"
_STORE = "of the store, as of a cluster"
SPACE = _said("space", "is not used: the model is on the engine's disk")

ABSENT: Mapping[str, str] = {
    "CronJob": "an engine starts nothing on a schedule: use cron of the machine, with `docker exec`",
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
        *_EXPOSED,
        _said("probes.live", "is not used: the engine restarts containers that end, not those that hang"),
        _done("probes.ready", "the health check, which updates await; the proxy asks it too"),
        _refused(
            "probes.ready",
            "is not possible: the proxy speaks HTTP",
            "Probe.http(scheme='HTTPS')",
            conditions.ready(lambda action: action.get("http_get", {}).get("scheme") == "HTTPS"),
        ),
        _refused(
            "probes.ready",
            "is not possible: give Probe.exec with a client of the image",
            "Probe.grpc(…)",
            conditions.ready(lambda action: "grpc" in action),
        ),
        _done("probes.startup", "failed health checks in this time do not count"),
        *_ROLLOUT,
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
    "Postgres": (
        _done("name", "its name on a network of its own; the container is NAMESPACE-NAME"),
        _done("namespace", "prefix of the names of container, network and volume"),
        _done("image", _IMAGE),
        _said("storage", "is a named volume, whose size the engine does not limit"),
        _refused("replicas", "must be 1: a standby on the same machine would fail with it"),
        _refused("durability", "must be async: a single server has no standby"),
        _done("databases", "a container that ends makes them, with their users, before clients start"),
        _done("password_version", "another one makes other passwords; clients restart with them"),
        _done("tls", "clients with `env` demand TLS; the server makes its certificate when it starts"),
        _done("parameters", "PostgreSQL's own; a change restarts the server"),
        _said(
            "backups",
            "opens every address to the database: the engine does not filter",
            applies=conditions.backed_up,
        ),
        _done("backups.url", "base backups and the log, as of a cluster, by the same program"),
        _done("backups.access_key", _LOGIN_OF_STORE),
        _done("backups.secret_key", _LOGIN_OF_STORE),
        _done("backups.endpoint", "the containers have to reach it: 127.0.0.1 is the container itself"),
        _done("backups.region", _STORE),
        _done("backups.encryption", _STORE),
        _done("backups.window_days", "older base backups are deleted after the next one"),
        _done("backups.schedule", "a container that waits for these times; missed ones follow at once"),
        _done(
            "backups.drill", "the same container; its log has the result, and it is unhealthy after a failure"
        ),
        _done("restore.server", "what an empty volume begins with: the archive of this database"),
        _done("restore.time", "the moment of it"),
        _refused("storage_class", "has no use: an engine has no classes of storage"),
        *_LIMITS,
        _done("timeout", "seconds for each container; then the update fails"),
        _done("protect", "Pulumi refuses to delete the volume, and keeps it if it may leave the stack"),
        _said("api_server", "is not used: the database asks no API server"),
        _POLICY,
        *_PULLED,
        *_COMMON,
    ),
    "ModelService": (
        _done("name", "the name of its proxy on a network of its own, without a way out"),
        _done("namespace", "the network on which the proxy publishes; prefix of names"),
        _done("model", "pulled by digest; the engine copies it into a volume, which the containers read"),
        _done("server", _IMAGE),
        _refused("canary", "needs a cluster: its tool counts answers and errors in the pods of a Deployment"),
        _done("credentials", "the login that the card is read with"),
        _done("page", "copied into the container before it starts; a change replaces the container"),
        _refused(
            "page",
            "needs a root that can be written: PodSecurity(read_only_root=False)",
            "…",
            conditions.page_of_read_only,
        ),
        SPACE,
        _done("replicas", "a container each, behind the proxy"),
        *_LASTING,
        *_EXPOSED,
        *_CONTAINER,
        *_ROLLOUT,
        _done("startup", "failed health checks in this time do not count"),
        *_COMMON,
    ),
}
