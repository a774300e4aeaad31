"""An engine for the fast tests, without plugins or network: it records what programs register."""

from base64 import b64encode
from typing import Any, NamedTuple

import pulumi
from pulumi.runtime.rpc import _special_sig_key

DIGEST = "sha256:" + "a" * 64


class Registered(NamedTuple):
    """A resource as it reached the engine: inputs in camelCase, like a manifest."""

    type: str
    name: str
    inputs: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.type.rsplit(":", 1)[-1]


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """A monitor that keeps each request, with what the resource depends on and how it is to be treated."""

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        super().__init__(mocks)
        self.requests: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:
        registered = super().RegisterResource(request)  # type: ignore[no-untyped-call] # as pulumi has it
        self.requests[registered.urn] = request
        return registered


class Recorder(pulumi.runtime.Mocks):
    """An engine that makes whatever it is asked for, and remembers it."""

    def __init__(self) -> None:
        self.resources: list[Registered] = []
        self.monitor = Monitor(self)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.resources.append(Registered(args.typ, args.name, _unwrapped(args.inputs)))
        state = dict(args.inputs)
        if args.typ == "kubernetes:core/v1:Service":
            state["spec"] = {**state["spec"], "clusterIP": "10.96.0.7"}
        if args.typ == "kubernetes:core/v1:Secret":
            texts = _unwrapped(state.get("stringData", {})).items()
            state["data"] = {key: b64encode(text.encode()).decode() for key, text in texts}
        if args.typ.endswith(":Image"):
            state["digest"] = DIGEST
        if args.typ == "pulumi:index:Stash":
            state["output"] = state["input"]
        if args.typ.endswith(":RemoteImage"):
            state["imageId"] = DIGEST
        if args.typ.endswith("container:Container"):
            state = {"name": f"{args.name}-1a2b3c", **state, "exitCode": 0}
        if "metadata" in state:
            state["metadata"] = {"name": f"{args.name}-1a2b3c", **state["metadata"]}
        return f"{args.name}-id", state

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asked the cluster for {args.token}")

    @property
    def urns(self) -> list[str]:
        """Of all that was registered; each names the type of its parent."""
        return list(self.monitor.get_registered_resources())

    @property
    def requests(self) -> dict[str, Any]:
        """The engine's requests by URN: `retainOnDelete`, `dependencies`, `propertyDependencies`."""
        return self.monitor.requests

    def request(self, kind: str, name: str) -> Any:
        """Return the request for one resource."""
        [found] = [item for urn, item in self.requests.items() if urn.endswith(f":{kind}::{name}")]
        return found

    def of(self, kind: str) -> list[Registered]:
        """Return the resources of a kind, but no components: Namespace is a Kubernetes object."""
        own = [resource for resource in self.resources if not resource.type.startswith("slipway:")]
        return [resource for resource in own if resource.kind == kind]

    def one(self, kind: str, name: str | None = None) -> dict[str, Any]:
        found = [resource for resource in self.of(kind) if name in (None, resource.name)]
        assert len(found) == 1, f"{len(found)} of {kind} {name or ''}: {self.resources}"
        return found[0].inputs


class Hooks:
    """Hooks run in the real engine only."""

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        pass

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        pass


def _unwrapped(value: Any) -> Any:
    """Take secret values out of their envelopes."""
    if isinstance(value, dict):
        return (
            _unwrapped(value["value"])
            if _special_sig_key in value
            else {k: _unwrapped(v) for k, v in value.items()}
        )
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value
