"""The promises of what every component with a process has: command, files, volumes, user, port."""

import re
from typing import Any

import pytest

from components import Exposure, File, PodSecurity, Probe, Probes, Redis, Volume, WebService
from components.validation import BadArgument
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder


def made(engine: Run, **arguments: Any) -> Recorder:
    return engine(lambda: WebService("web", namespace="shop", image="i", **arguments) and None)


def pod(recorder: Recorder) -> dict[str, Any]:
    spec: dict[str, Any] = recorder.one("Deployment")["spec"]["template"]["spec"]
    return spec


def container(recorder: Recorder) -> dict[str, Any]:
    [only] = pod(recorder)["containers"]
    assert isinstance(only, dict)
    return only


def mounts(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Return by path what is mounted there: the mount and the volume."""
    volumes = {volume["name"]: volume for volume in pod(recorder)["volumes"]}
    return {
        mount["mountPath"]: mount | volumes[mount["name"]] for mount in container(recorder)["volumeMounts"]
    }


def test_command_and_arguments_replace_those_of_the_image(engine: Run) -> None:
    given = container(made(engine, command=["gunicorn"], args=["app:app"]))
    assert (given["command"], given["args"]) == (["gunicorn"], ["app:app"])
    assert not {"command", "args"} & container(made(engine)).keys()


def test_files_come_from_text_config_maps_and_secrets(engine: Run) -> None:
    recorder = made(
        engine,
        files=[
            File.text("/etc/app/a.conf", "a = 1"),
            File.config_map("/etc/app/b.conf", "shared", "b"),
            File.secret("/run/key.pem", "tls", "key"),
        ],
    )
    there = mounts(recorder)
    assert recorder.one("ConfigMap", "web-files")["data"] == {"etc..app..a.conf": "a = 1"}
    sources = there["/run/key.pem"]["projected"]["sources"]
    [own, config_map, secret] = [next(iter(source.values())) for source in sources]
    assert own["name"].startswith("web-files-"), "the name that Pulumi gave"
    assert (config_map["name"], config_map["items"][0]["key"]) == ("shared", "b")
    assert (secret["name"], secret["items"][0]["key"]) == ("tls", "key")
    by_path = {"/etc/app/a.conf": own, "/etc/app/b.conf": config_map, "/run/key.pem": secret}
    for path, item in by_path.items():
        assert item["items"][0]["path"] == there[path]["subPath"], "the mount shows the file of that source"
        assert there[path]["readOnly"] is True


def test_changed_content_of_a_file_restarts_the_pods(engine: Run) -> None:
    """The ConfigMap's name is Pulumi's: other content, other name, other pod."""
    recorder = made(engine, files=[File.text("/etc/app.conf", "a = 1")])
    assert "name" not in recorder.one("ConfigMap")["metadata"]


def test_scratch_memory_and_claims_are_writable_directories(engine: Run) -> None:
    recorder = made(
        engine,
        replicas=1,
        volumes=[
            Volume.scratch("/var/cache", size="1Gi"),
            Volume.memory("/dev/shm", size="64Mi"),  # noqa: S108 # in the pod
            Volume.claim("/srv/media", name="media", size="10Gi", storage_class="fast"),
            Volume.existing("/srv/old", claim="old-media"),
        ],
    )
    there = mounts(recorder)
    assert there["/var/cache"]["emptyDir"] == {"sizeLimit": "1Gi"}
    assert there["/dev/shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "64Mi"}  # noqa: S108
    assert there["/srv/media"]["persistentVolumeClaim"] == {"claimName": "web-media"}
    assert there["/srv/old"]["persistentVolumeClaim"] == {"claimName": "old-media"}
    claim = recorder.one("PersistentVolumeClaim")
    assert claim["metadata"]["name"] == "web-media"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}},
        "storageClassName": "fast",
    }


def test_volumes_have_names_of_their_own(engine: Run) -> None:
    """Names that Kubernetes takes, of at most 63 characters, however long and alike the paths are."""
    paths = ["/srv/a-b", "/srv/a/b", "/srv/a.b", "/srv/" + "a" * 80, "/srv/" + "a" * 81]
    recorder = made(engine, volumes=[Volume.scratch(path, size="1Mi") for path in paths])
    names = [volume["name"] for volume in pod(recorder)["volumes"]]
    assert len(set(names)) == len(paths) + 1, "and /tmp"
    assert all(re.fullmatch("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name) for name in names)


def test_a_claim_outlives_the_stack_and_comes_before_the_pods(engine: Run) -> None:
    recorder = made(engine, replicas=1, volumes=[Volume.claim("/srv", name="media", size="1Gi")])
    assert recorder.request("PersistentVolumeClaim", "web-media").retainOnDelete
    [urn] = [one for one in recorder.requests if one.endswith(":PersistentVolumeClaim::web-media")]
    assert urn in recorder.request("Deployment", "web").dependencies


@pytest.mark.parametrize(
    ("access", "replicas", "strategy"),
    [
        ("ReadWriteOnce", 1, "Recreate"),
        ("ReadWriteOncePod", 1, "Recreate"),
        ("ReadWriteMany", 3, "RollingUpdate"),
    ],
)
def test_two_pods_are_never_to_share_what_they_cannot(
    access: Any, replicas: int, strategy: str, engine: Run
) -> None:
    """A new pod on another node would wait for the claim, and the old pod, which has it, for the new pod."""
    volume = Volume.claim("/srv", name="media", size="1Gi", access=access)
    deployment = made(engine, replicas=replicas, volumes=[volume]).one("Deployment")
    assert deployment["spec"]["strategy"]["type"] == strategy


def test_the_disk_limit_leaves_room_for_what_may_be_written(engine: Run) -> None:
    def limit(**arguments: Any) -> str:
        return str(container(made(engine, **arguments))["resources"]["limits"]["ephemeral-storage"])

    scratch = [Volume.scratch("/var/cache", size="1Gi"), Volume.memory("/m", size="64Mi")]
    assert limit() == "256Mi"
    assert limit(tmp="1Gi") == f"{256 - 64 + 1024}Mi"
    assert limit(volumes=scratch) == f"{256 + 1024}Mi"
    assert limit(tmp="16Mi") == "256Mi"


def test_tmp_has_the_size_of_the_upload(engine: Run) -> None:
    assert mounts(made(engine, tmp="2Gi"))["/tmp"]["emptyDir"] == {"sizeLimit": "2Gi"}  # noqa: S108
    assert mounts(made(engine))["/tmp"]["emptyDir"] == {"sizeLimit": "64Mi"}  # noqa: S108


@pytest.mark.parametrize(("port", "value"), [(80, "80"), (443, "443"), (1023, "1023"), (1024, None)])
def test_a_user_who_is_not_root_may_listen_on_a_low_port(port: int, value: str | None, engine: Run) -> None:
    security = pod(made(engine, expose=Exposure(target_port=port)))["securityContext"]
    opened = {sysctl["name"]: sysctl["value"] for sysctl in security.get("sysctls", [])}
    assert opened == ({"net.ipv4.ip_unprivileged_port_start": value} if value else {})


def test_the_user_may_be_the_images_own_but_not_root(engine: Run) -> None:
    security = pod(made(engine, security=PodSecurity(user=None, group=2000)))["securityContext"]
    assert "runAsUser" not in security
    assert security["runAsNonRoot"] is True, (
        "Kubernetes refuses root, and a user whose number it does not know"
    )
    assert (security["runAsGroup"], security["fsGroup"]) == (2000, 2000)
    plain = pod(made(engine))["securityContext"]
    assert [plain[key] for key in ("runAsUser", "runAsGroup", "fsGroup")] == [10001] * 3


def test_without_limits_there_is_none_for_the_disk_either(engine: Run) -> None:
    volumes = [Volume.memory("/m", size="1Gi"), Volume.scratch("/s", size="1Gi")]
    assert "resources" not in container(made(engine, resources=None, volumes=volumes))


def test_the_same_variables_of_two_components_are_refused(engine: Run) -> None:
    """Kubernetes refuses them too, but only once the update has begun."""

    def program() -> None:
        caches = [Redis(name, namespace="shop") for name in ("cache", "queue")]
        WebService("web", namespace="shop", image="i", env=[*caches[0].env, *caches[1].env])

    with pytest.raises(BadArgument, match="env names REDIS_HOST 2 times"):
        engine(program)


def ready(engine: Run, probe: Probe) -> dict[str, Any]:
    found: dict[str, Any] = container(made(engine, probes=Probes(ready=probe)))["readinessProbe"]
    return found


def test_a_probe_names_the_host_that_the_application_expects(engine: Run) -> None:
    """As a header: the field `host` would lead the request elsewhere."""
    probe = Probe.http("/readyz", port=8443, host="hits.example.com", headers={"X-A": "1"}, scheme="HTTPS")
    assert ready(engine, probe)["httpGet"] == {
        "path": "/readyz",
        "port": 8443,
        "httpHeaders": [{"name": "Host", "value": "hits.example.com"}, {"name": "X-A", "value": "1"}],
        "scheme": "HTTPS",
    }
    assert ready(engine, Probe.http("/readyz"))["httpGet"] == {"path": "/readyz", "port": 5000}


def test_a_grpc_server_is_asked_by_its_own_protocol(engine: Run) -> None:
    assert ready(engine, Probe.grpc(service="hits.Hits"))["grpc"] == {"port": 5000, "service": "hits.Hits"}
    assert ready(engine, Probe.grpc(port=9000))["grpc"] == {"port": 9000}


def test_it_starts_after_what_it_names(engine: Run) -> None:
    def program() -> None:
        first = WebService("first", namespace="shop", image="i")
        WebService("second", namespace="shop", image="i", after=[first])

    needed = {one.rpartition("$")[2] for one in engine(program).request("Deployment", "second").dependencies}
    assert "kubernetes:apps/v1:Deployment::first" in needed
