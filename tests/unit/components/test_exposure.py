"""How clients outside reach a web service by a host name."""

from typing import Any

import pytest

from components import Entrance, Exposure, Tls, WebService
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

HOST = "hits.example.com"


def made(engine: Run, **exposure: Any) -> Recorder:
    expose = Exposure(**{"host": HOST, "tls": Tls.issuer("letsencrypt"), **exposure})
    return engine(lambda: WebService("web", namespace="shop", image="i", expose=expose) and None)


def ingress(engine: Run, **exposure: Any) -> dict[str, Any]:
    return made(engine, **exposure).one("Ingress")


def annotations(engine: Run, **exposure: Any) -> dict[str, str]:
    found: dict[str, str] = ingress(engine, **exposure)["metadata"]["annotations"]
    return found


def test_without_a_host_there_is_no_entrance(engine: Run) -> None:
    recorder = engine(lambda: WebService("web", namespace="shop", image="i") and None)
    assert not recorder.of("Ingress")
    assert made(engine).of("Ingress"), "the control"


def test_hosts_and_paths_lead_to_the_service(engine: Run) -> None:
    hosts = [HOST, "www.example.com"]
    recorder = made(engine, host=hosts, paths=["/", "/api"], port=8080)
    rules = recorder.one("Ingress")["spec"]["rules"]
    assert [rule["host"] for rule in rules] == hosts
    for rule in rules:
        assert [entry["path"] for entry in rule["http"]["paths"]] == ["/", "/api"]
        for entry in rule["http"]["paths"]:
            assert entry["pathType"] == "Prefix"
            service = entry["backend"]["service"]
            assert service == {"name": "web", "port": {"number": 8080}}
    [port] = recorder.one("Service")["spec"]["ports"]
    assert port["port"] == 8080
    assert recorder.one("Service")["spec"]["type"] == "ClusterIP"


def test_cert_manager_gets_the_certificate(engine: Run) -> None:
    assert ingress(engine)["spec"]["tls"] == [{"hosts": [HOST], "secretName": "web-tls"}]
    assert annotations(engine)["cert-manager.io/cluster-issuer"] == "letsencrypt"
    of_namespace = annotations(engine, tls=Tls.issuer("acme", kind="Issuer"))
    assert of_namespace["cert-manager.io/issuer"] == "acme"


def test_a_secret_has_the_certificate(engine: Run) -> None:
    door = ingress(engine, tls=Tls.secret("wildcard"))
    assert door["spec"]["tls"] == [{"hosts": [HOST], "secretName": "wildcard"}]
    assert not [key for key in door["metadata"]["annotations"] if key.startswith("cert-manager.io/")]


def test_plain_http_has_the_reason(engine: Run) -> None:
    recorder = made(engine, tls=Tls.none("a lab without a CA"), via=Entrance.ingress("nginx"))
    door = recorder.one("Ingress")
    assert "tls" not in door["spec"]
    assert door["metadata"]["annotations"]["slipway/plain-http"] == "a lab without a CA"
    assert "nginx.ingress.kubernetes.io/ssl-redirect" not in door["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("name", "annotation"),
    [
        ("nginx", "nginx.ingress.kubernetes.io/ssl-redirect"),
        ("contour", "ingress.kubernetes.io/force-ssl-redirect"),
        ("haproxy", "haproxy.org/ssl-redirect"),
    ],
)
def test_http_is_redirected_where_the_class_can(name: str, annotation: str, engine: Run) -> None:
    door = ingress(engine, via=Entrance.ingress(name))
    assert door["spec"]["ingressClassName"] == name
    assert door["metadata"]["annotations"][annotation] == "true"
    assert "ingressClassName" not in ingress(engine)["spec"], "the cluster's default class"


def test_other_classes_take_annotations_of_their_own(engine: Run) -> None:
    own = {"traefik.ingress.kubernetes.io/router.entrypoints": "websecure"}
    assert own.items() <= annotations(engine, via=Entrance.ingress("traefik", annotations=own)).items()


@pytest.mark.parametrize("via", [Entrance.ingress(), Entrance.gateway("public")], ids=["ingress", "gateway"])
def test_an_entrance_has_the_reason_why_it_is_open(via: Entrance, engine: Run) -> None:
    tls = None if via.has_certificates else Tls.secret("wildcard")
    for reason in ("the shop's front door", None):
        recorder = made(engine, via=via, tls=tls, public=reason)
        doors = [*recorder.of("Ingress"), *recorder.of("HTTPRoute")]
        assert doors
        for door in doors:
            assert door.inputs["metadata"].get("annotations", {}).get("slipway/public") == reason
        assert "slipway/public" not in recorder.one("Service")["metadata"]["annotations"], "which is not open"


def test_a_gateway_has_a_route_and_a_redirect(engine: Run) -> None:
    recorder = made(engine, via=Entrance.gateway("public", namespace="edge"), tls=None)
    route = recorder.one("HTTPRoute", "web")
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    assert route["metadata"]["name"] == "web"
    assert route["spec"] == {
        "parentRefs": [{"name": "public", "namespace": "edge", "sectionName": "https"}],
        "hostnames": [HOST],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "web", "port": 80}],
            }
        ],
    }
    redirect = recorder.one("HTTPRoute", "web-redirect")["spec"]
    assert redirect["parentRefs"][0]["sectionName"] == "http"
    [rule] = redirect["rules"]
    assert rule["filters"][0]["requestRedirect"] == {"scheme": "https", "statusCode": 301}


def test_a_gateway_without_encryption_redirects_nothing(engine: Run) -> None:
    via = Entrance.gateway("public", listener="http")
    recorder = made(engine, via=via, tls=Tls.none("a lab"))
    assert recorder.one("HTTPRoute")["metadata"]["annotations"] == {"slipway/plain-http": "a lab"}


@pytest.mark.parametrize(
    ("exposure", "url"),
    [
        ({}, f"https://{HOST}"),
        ({"paths": ["/shop/"]}, f"https://{HOST}/shop"),
        ({"tls": Tls.none("a lab")}, f"http://{HOST}"),
        ({"tls": None, "via": Entrance.gateway("public")}, f"https://{HOST}"),
    ],
    ids=["tls", "path", "plain", "gateway"],
)
def test_the_url_is_what_clients_type(exposure: dict[str, Any], url: str, engine: Run) -> None:
    expose = Exposure(**{"host": HOST, "tls": Tls.issuer("letsencrypt"), **exposure})

    async def program() -> None:
        service = WebService("web", namespace="shop", image="i", expose=expose)
        assert await service.url.future() == url

    engine(program)


def test_transform_changes_the_route(engine: Run) -> None:
    def slow(kind: str, args: dict[str, Any]) -> None:
        if kind == "HTTPRoute":
            args["spec"]["rules"][0]["timeouts"] = {"request": "60s"}

    expose = Exposure(host=HOST, via=Entrance.gateway("public", redirect_from=None))
    recorder = engine(
        lambda: WebService("web", namespace="shop", image="i", expose=expose, transform=slow) and None
    )
    assert recorder.one("HTTPRoute")["spec"]["rules"][0]["timeouts"] == {"request": "60s"}
