"""List: the objects of a kind in the cluster, page by page."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.kubernetes.client import ApiClient
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.objects import name_of, object_id, text
from sandbox.plugins.kubernetes.urns import kind_of_token


class InvalidQueryError(ProviderError):
    """The query, or the token that continues one, is not understood."""


@dataclass(frozen=True)
class Page:
    """Which page to fetch: `limit` bounds all pages together, `page_size` each; 0 for no bound."""

    limit: int
    page_size: int
    token: str


@dataclass(frozen=True)
class Found:
    """An object."""

    id: str
    name: str


async def search(
    client: ApiClient, token: str, query: Mapping[str, Any], page: Page
) -> AsyncIterator[Found | str]:
    """The objects of a page, and as the last item, if there is more, the token of the next page.

    The query's keys are namespace, name, labelSelector, fieldSelector, and metadata with the first two.
    """
    start, remaining = _decode(page)
    kind = kind_of_token(token)
    kind = kind._replace(kind=kind.kind.removesuffix("Patch"))
    namespace = _word(query, "namespace")
    if namespace and not (await client.discovery.resource(kind)).namespaced:
        raise InvalidQueryError(f'query.namespace is invalid for cluster-scoped resource "{token}"')
    name = _word(query, "name")
    selectors = [_word(query, "fieldSelector"), f"metadata.name={name}" if name else ""]
    bounds = [bound for bound in (page.page_size, remaining) if bound]
    answer = await client.page(
        kind,
        namespace,
        labelSelector=_word(query, "labelSelector"),
        fieldSelector=",".join(filter(None, selectors)),
        limit=str(min(bounds)) if bounds else "",
        **{"continue": start},
    )
    for item in answer["items"]:
        yield Found(object_id(item), name_of(item))
    left = None if remaining is None else max(0, remaining - len(answer["items"]))
    following = text(answer, "metadata", "continue")
    if following and left != 0:
        yield _encode(following, left)


def _word(query: Mapping[str, Any], key: str) -> str:
    metadata = query.get("metadata") or {}
    if not isinstance(metadata, Mapping):
        raise InvalidQueryError("query.metadata must be an object")
    inner = metadata.get(key) if key in ("namespace", "name") else None
    value = query.get(key) or inner or ""
    if not isinstance(value, str):
        raise InvalidQueryError(f"query.{key} must be a string")
    return value


def _encode(start: str, remaining: int | None) -> str:
    position = {"k8sContinue": start} | ({} if remaining is None else {"remaining": remaining})
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _decode(page: Page) -> tuple[str, int | None]:
    """Where the page starts in the API server's words, and how many objects may still be given."""
    if page.limit < 0 or page.page_size < 0:
        raise InvalidQueryError("limit and page_size must be >= 0")
    if not page.token:
        return "", page.limit or None
    try:
        padded = page.token + "=" * (-len(page.token) % 4)
        position = json.loads(base64.urlsafe_b64decode(padded))
        return position["k8sContinue"], position.get("remaining") or page.limit or None
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidQueryError(f"invalid continuation_token: {error}") from error
