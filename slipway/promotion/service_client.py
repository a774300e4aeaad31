"""Requests to the Service of a version."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager

import httpx

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.rollout import selects
from slipway.cluster.service_ports import forward, scheme, serves_http, service_port
from slipway.errors import SlipwayError
from slipway.promotion.options import VerifyOptions

REQUEST_TIMEOUT_S = 10.0
_UNREACHABLE = ("error trying to reach service", "no endpoints available")
"""The API server's errors for a Service whose pods do not answer; the status is 502 or 503."""


@contextmanager
def connect(
    cluster: Cluster, service: Object, templates: Iterable[Object], host: str | None
) -> Iterator[httpx.Client]:
    """Yield a client for a Service in front of some of the templates' pods.

    It goes through the API server's proxy, which replaces the Host header. With a host, it therefore goes
    through `kubectl port-forward`, to one pod of the Service. No certificate is verified, as in the probes of
    the kubelet: inside the cluster, it is usually for another name.
    """
    metadata = service["metadata"]
    used = scheme(service, (template for template in templates if selects(service, template)))
    if host is None:
        port = service_port(service)["port"]
        with cluster.service(metadata["namespace"], metadata["name"], port, used) as client:
            yield client
        return

    def name_server(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = host

    with (
        closing(forward(cluster, service, 0)) as ports,
        httpx.Client(
            base_url=f"{used}://127.0.0.1:{next(ports)}/",
            headers={"Host": host},
            trust_env=False,
            verify=False,  # noqa: S501 # see the docstring
            event_hooks={"request": [name_server]},
        ) as client,
    ):
        yield client


def choose(
    cluster: Cluster, services: Sequence[Object], templates: Sequence[Object], options: VerifyOptions
) -> Object | None:
    """Return the first Service whose pods answer, else the first; None if there are none.

    Services for HTTP come first: a worker may have a Service too, for its metrics, or without any answer.
    """
    ordered = sorted(services, key=serves_http, reverse=True)
    answering = (item for item in ordered if len(ordered) == 1 or _answers(cluster, item, templates, options))
    return next(answering, next(iter(ordered), None))


def _answers(cluster: Cluster, service: Object, templates: Sequence[Object], options: VerifyOptions) -> bool:
    try:
        with connect(cluster, service, templates, options.host) as client:
            response = client.get(options.path.lstrip("/"), timeout=REQUEST_TIMEOUT_S)
    except (SlipwayError, httpx.HTTPError):
        return False
    return response.status_code not in (502, 503) or not any(text in response.text for text in _UNREACHABLE)


def request(client: httpx.Client, options: VerifyOptions) -> str:
    """Request the path, and return the problem, or an empty text."""
    path, expected = options.path, options.status
    try:
        response = client.get(path.lstrip("/"), timeout=REQUEST_TIMEOUT_S)
    except httpx.HTTPError as error:
        return f"{path}: {error or type(error).__name__}"
    status = response.status_code
    if status == expected or (expected is None and response.is_success):
        return ""
    text = f"{path} answers {status}"
    if response.has_redirect_location:
        # The API server puts the path of its proxy before a target on the same host.
        target = response.headers["Location"].removeprefix(client.base_url.path.rstrip("/"))
        text = f"{path} redirects ({status}) to {target}"
    return f"{text}, not {expected}" if expected else text
