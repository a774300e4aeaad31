"""The API server's verbs, for objects of any kind that it serves."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Event, Kind, Object
from sandbox.plugins.kubernetes.discovery import ACCEPT, Discovery
from sandbox.plugins.kubernetes.errors import StatusError
from sandbox.plugins.kubernetes.transport import Transport

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
Objects = list[Object]


class ApiClient:
    """Reads and writes objects. Refusals raise StatusError, kinds that are not served NoMatchError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.discovery = Discovery(self._discover)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def version(self) -> tuple[int, int]:
        """The API server's major and minor version."""
        found = await self._transport.json("GET", "/version")
        return int(found["major"]), int(found["minor"].rstrip("+"))

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object."""
        return await self._transport.json("GET", await self._path(kind, name, namespace))

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[Objects, str]:
        """The objects of a kind, and the resourceVersion to watch from."""
        found = await self.page(kind, namespace, labelSelector=label_selector, fieldSelector=field_selector)
        return found["items"], found["metadata"]["resourceVersion"]

    async def page(self, kind: Kind, namespace: str = "", **parameters: str) -> Object:
        """A list of a kind as the API server gives it, each item with its apiVersion and kind."""
        path = await self._path(kind, "", namespace, everywhere=not namespace)
        found = await self._transport.json("GET", path, parameters)
        for item in found["items"]:
            item.update(apiVersion=kind.api_version, kind=kind.kind)
        return found

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[Event]:
        """The changes since a resourceVersion, until the API server ends the request."""
        parameters = {
            "watch": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
        }
        path = await self._path(kind, "", namespace, everywhere=not namespace)
        async for event in self._transport.lines(path, parameters):
            if event["type"] == "ERROR":
                raise StatusError(event["object"])
            yield Event(event["type"], event["object"])

    async def logs(self, namespace: str, pod: str, container: str = "", *, tail_lines: int = 10) -> str:
        """The last lines that a container has printed."""
        path = await self._path(Kind("", "v1", "Pod"), pod, namespace)
        parameters = {"tailLines": str(tail_lines), "container": container}
        return await self._transport.text(f"{path}/log", parameters)

    async def create(self, obj: Object, *, manager: str, dry_run: bool = False) -> Object:
        """Make an object."""
        path = await self._path_of(obj, "")
        return await self._transport.json("POST", path, _write_options(manager, dry_run), body=obj)

    async def replace(self, obj: Object, *, manager: str, dry_run: bool = False) -> Object:
        """Put an object in the place of the one of its name."""
        path = await self._path_of(obj, obj["metadata"]["name"])
        return await self._transport.json("PUT", path, _write_options(manager, dry_run), body=obj)

    async def apply(self, obj: Object, *, manager: str, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply: make the object's fields as given, and own them."""
        parameters = _write_options(manager, dry_run) | {"force": "true" if force else "false"}
        path = await self._path_of(obj, obj["metadata"]["name"])
        return await self._transport.json("PATCH", path, parameters, body=obj, content_type=APPLY)

    async def json_patch(self, obj: Object, operations: Sequence[Mapping[str, Any]]) -> Object:
        """Change an object by a JSON patch (RFC 6902)."""
        path = await self._path_of(obj, obj["metadata"]["name"])
        return await self._transport.json("PATCH", path, body=operations, content_type=JSON_PATCH)

    async def delete(self, kind: Kind, name: str, namespace: str, *, propagation: str) -> None:
        """Begin to delete an object; `propagation` says what becomes of those it owns."""
        path = await self._path(kind, name, namespace)
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        await self._transport.json("DELETE", path, body=options)

    async def _path_of(self, obj: Object, name: str) -> str:
        return await self._path(Kind.of(obj), name, obj["metadata"].get("namespace") or "")

    async def _path(self, kind: Kind, name: str, namespace: str, *, everywhere: bool = False) -> str:
        plural, namespaced = await self.discovery.resource(kind)
        root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
        scope = f"/namespaces/{namespace or 'default'}" if namespaced and not everywhere else ""
        return f"{root}{scope}/{plural}" + (f"/{name}" if name else "")

    async def _discover(self, path: str) -> Mapping[str, Any]:
        return await self._transport.json("GET", path, accept=ACCEPT)


def _write_options(manager: str, dry_run: bool) -> dict[str, str]:
    return {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
