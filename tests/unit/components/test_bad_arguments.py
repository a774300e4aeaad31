"""Arguments that cannot work are refused when the component is made, in words; nothing is registered."""

from collections.abc import Callable
from typing import Any

import pytest

from components import (
    Autoscaling,
    Compute,
    CronJob,
    Endpoint,
    Entrance,
    EnvVar,
    Exposure,
    File,
    Job,
    Namespace,
    PodSecurity,
    Probe,
    Probes,
    Redis,
    Resources,
    Rollout,
    Tls,
    Volume,
    WebService,
    Worker,
)
from tests.unit.conftest import Run

Make = Callable[..., Any]


def web(name: Any = "web", **arguments: Any) -> Callable[[], Any]:
    return lambda: WebService(name, **({"namespace": "shop", "image": "shop@sha256:1"} | arguments))


def redis(name: Any = "cache", **arguments: Any) -> Callable[[], Any]:
    return lambda: Redis(name, **({"namespace": "shop"} | arguments))


def worker(**arguments: Any) -> Callable[[], Any]:
    return lambda: Worker("mail", **({"namespace": "shop", "image": "i"} | arguments))


def job(name: str = "migrate", **arguments: Any) -> Callable[[], Any]:
    return lambda: Job(name, **({"namespace": "shop", "image": "i"} | arguments))


def cron(schedule: object, **arguments: Any) -> Callable[[], Any]:
    return lambda: CronJob("tidy", **{"namespace": "shop", "image": "i", "schedule": schedule, **arguments})


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "name in capitals": (web("Web"), "name is 'Web', but must be at most 63 lower-case letters"),
    "no name": (web(""), "name is '', but must be"),
    "name of a number": (web(7), "name is 7, but must be a valid string"),
    "unknown argument": (web(replica=3), "replica is unknown"),
    "no image": (web(image=None), "image is None, but must be text, or an Output of text"),
    "empty image": (web(image=" "), "image is ' ', but must be text"),
    "no namespace": (lambda: WebService("web", image="i"), "namespace is missing"),  # type: ignore[call-arg]
    "replicas below 0": (
        web(replicas=-1),
        "replicas is -1, but must be a number of replicas, or Autoscaling",
    ),
    "replicas in words": (web(replicas="three"), "replicas is 'three', but must be a number of replicas"),
    "autoscaling without request": (
        web(replicas=Autoscaling(max_replicas=5), resources=None),
        "replicas is an Autoscaling, but resources is None",
    ),
    "pods that prove themselves for too long": (
        web(rollout=Rollout(min_ready=60, timeout=180)),
        "rollout.timeout is 180, but must be more than 180: 3 waves of pods, each of which must be",
    ),
    "the same, as many as the autoscaler may want": (
        web(replicas=Autoscaling(max_replicas=10), rollout=Rollout(min_ready=25)),
        "rollout.timeout is 100, but must be more than 100: 4 waves of pods",
    ),
    "probes of text": (web(probes="/readyz"), "probes is '/readyz', but must be"),
    "second variable of a number": (web(env=[EnvVar.value("A", "1"), 5]), "env.1 is 5, but must be"),
    "env of a dictionary": (web(env={"A": "1"}), "env is {'A': '1'}, but must be"),
    "a variable twice": (
        web(env=[EnvVar.value("A", "1"), EnvVar.value("B", "1"), EnvVar.secret("A", "a", "a")]),
        "env names A 2 times, but a process has only one of them",
    ),
    "a variable twice in a worker": (worker(env=[EnvVar.value("A", "1")] * 2), "env names A 2 times"),
    "a variable twice in a job": (job(env=[EnvVar.value("A", "1")] * 3), "env names A 3 times"),
    "a variable twice on schedule": (
        cron("@daily", env=[EnvVar.value("A", "1")] * 2),
        "env names A 2 times",
    ),
    "policy of text": (web(network_policy="none"), "network_policy is 'none', but must be a valid boolean"),
    "command in one text": (
        web(command="gunicorn app:app"),
        "command is 'gunicorn app:app', but must be a list of words, without a shell: ['gun",
    ),
    "no command": (web(command=[]), "command is [], but "),
    "two things at one path": (
        web(files=[File.text("/srv/a", "a")], volumes=[Volume.scratch("/srv/a", size="1Gi")]),
        "files and volumes name /srv/a 2 times",
    ),
    "a volume at /tmp": (
        web(volumes=[Volume.scratch("/tmp", size="1Gi")]),  # noqa: S108 # in the pod
        "`tmp` sets its size",
    ),
    "size of /tmp in words": (web(tmp="big"), "tmp is 'big', but must be an amount with a unit"),
    "one node's claim for three pods": (
        web(volumes=[Volume.claim("/srv/media", name="media", size="1Gi")]),
        "the claim 'media' is ReadWriteOnce, which pods of one node can use, but up to 3 pods run",
    ),
    "one node's claim for as many as the autoscaler may want": (
        web(
            volumes=[Volume.claim("/srv", name="media", size="1Gi")],
            replicas=Autoscaling(min_replicas=1, max_replicas=2),
        ),
        "but up to 2 pods run",
    ),
    "two claims of one name": (
        web(
            replicas=1,
            volumes=[Volume.claim(path, name="media", size="1Gi") for path in ("/srv/a", "/srv/b")],
        ),
        "volumes has 2 claims with the name 'media'",
    ),
    "claim for a user who is unknown": (
        web(
            replicas=1,
            volumes=[Volume.claim("/srv", name="media", size="1Gi")],
            security=PodSecurity(user=None),
        ),
        "security.user is None, so the image's user is unknown here",
    ),
    "more memory for a volume than for all": (
        web(volumes=[Volume.memory("/dev/shm", size="256Mi")]),  # noqa: S108 # in the pod
        "the volumes in memory take 256Mi, but resources.limits.memory, which holds them and",
    ),
    "after a name": (web(after=["migrate"]), "after.0 is 'migrate', but must be an instance of Resource"),
    "worker that is asked by http": (
        worker(probe=Probe.http("/livez")),
        "but must be Probe.exec(…): there is no port to ask",
    ),
    "worker with a port": (worker(expose=Exposure()), "expose is unknown"),
    "worker without time to prove itself": (
        worker(timeout=5),
        "rollout.timeout is 5, but must be more than 5",
    ),
    "worker that is not to end": (worker(grace=0), "grace is 0, but must be greater than or equal to 1"),
    "claim for two workers": (
        worker(replicas=2, volumes=[Volume.claim("/srv", name="media", size="1Gi")]),
        "but up to 2 pods run",
    ),
    "job that may take no time": (job(timeout=0), "timeout is 0, but must be greater"),
    "job that is repeated less than never": (job(retries=-1), "retries is -1, but must be greater"),
    "job of several pods": (job(replicas=2), "replicas is unknown"),
    "job of too long a name": (job("m" * 53), "but must be at most 52 characters: a hyphen and 10 more"),
    "schedule of four fields": (cron("30 4 * *"), "must have five fields (minute, hour, day of the month"),
    "schedule of a minute too late": (
        cron("60 4 * * *"),
        "a minute from 0 to 59, as 5, 1-5, */15 or *; '60'",
    ),
    "schedule on the day after Saturday": (cron("0 4 * * 7"), "a day of the week from 0 to 6"),
    "schedule backwards": (cron("0 17-9 * * *"), "a hour from 0 to 23, as 5, 1-5, */15 or *; '17-9' is not"),
    "schedule with no step": (cron("*/0 * * * *"), "'*/0' is not"),
    "schedule in words": (cron("@nightly"), "must be five fields, or one of @yearly"),
    "schedule with a time zone": (cron("TZ=Europe/Berlin 0 4 * * *"), "an argument of its own, time_zone"),
    "time zone in short": (
        cron("@daily", time_zone="Berlin"),
        "must be a time zone by its name, such as Europe/",
    ),
    "time zone of the machine": (
        cron("@daily", time_zone="Local"),
        "time_zone is 'Local', but must be a time",
    ),
    "storage without unit": (redis(storage="10"), "storage is '10', but must be at least 1Mi"),
    "name too long for a pod": (
        redis("c" * 53),
        "but must be at most 52 characters: Kubernetes labels the pod",
    ),
    "limit below request": (
        web(resources=Resources(limits=Compute(cpu="100m", memory="1Gi"))),
        "resources.limits.cpu is 100m, but must not be below the request, 250m by default",
    ),
    "request above limit": (
        web(resources=Resources(requests=Compute(cpu="1"))),
        "resources.limits.cpu is 500m by default, but must not be below the request, 1",
    ),
    "platform of Docker's other form": (web(platform="amd64"), "platform is 'amd64', but must be a platform"),
    "eviction in words": (
        redis(eviction="oldest"),
        "eviction is 'oldest', but must be 'noeviction', 'allkeys",
    ),
    "redis without limits": (redis(resources=None), "resources is None, but must be"),
    "namespace with dots": (lambda: Namespace("a.b"), "name is 'a.b', but must be"),
}


@pytest.mark.parametrize(("make", "says"), REFUSED.values(), ids=REFUSED)
def test_an_argument_that_cannot_work_is_refused_in_words(
    make: Callable[[], Any], says: str, engine: Run
) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match=r"^Invalid ") as refusal:
            make()
        assert says in str(refusal.value)
        assert "pydantic" not in str(refusal.value)

    assert engine(program).resources == []


OPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "max below min": (
        lambda: Autoscaling(min_replicas=4, max_replicas=2),
        "is 2, but must not be below min_replicas, 4",
    ),
    "path without slash": (lambda: Probe.http("readyz"), "should match pattern '^/'"),
    "grace not above pre-stop": (
        lambda: Rollout(pre_stop=30, termination_grace=30),
        "is 30, but must be more than pre_stop, 30",
    ),
    "no pod may move": (lambda: Rollout(max_surge="0%"), "no pod could ever be replaced"),
    "surge in words": (lambda: Rollout(max_surge="all"), "a number of pods, or a share"),
    "timeout of nothing": (lambda: Rollout(timeout=0), "greater than or equal to 1"),
    "root": (lambda: PodSecurity(user=0), "greater than or equal to 1"),
    "endless port": (lambda: Endpoint(port=70_000, cidr="10.0.0.0/8"), "less than or equal to 65535"),
    "endpoint nowhere": (lambda: Endpoint(port=1), "must have either pods or cidr"),
    "endpoint twice": (lambda: Endpoint(port=1, cidr="10.0.0.0/8", pods={"a": "b"}), "must have either"),
    "no network": (
        lambda: Endpoint(port=1, cidr="10.0.0.300/8"),
        "does not appear to be an IPv4 or IPv6 network",
    ),
    "no path": (lambda: Volume.scratch("cache", size="1Gi"), "must be an absolute path"),
    "path with a way back": (lambda: File.text("/etc/../a", "a"), "must be an absolute path"),
    "directory as a file": (lambda: File.text("/etc/", "a"), "must be an absolute path"),
    "size without a unit": (lambda: Volume.scratch("/a", size="10"), "must be at least 1Mi"),
    "access in short": (
        lambda: Volume.claim("/a", name="a", size="1Gi", access="RWX"),  # type: ignore[arg-type]
        "should be 'ReadWriteOnce', 'ReadWriteOncePod' or 'ReadWriteMany'",
    ),
    "host with a path": (lambda: Probe.http("/", host="acme.example/a"), "should match pattern"),
    "host twice": (
        lambda: Probe.http("/", host="a.example", headers={"host": "b.example"}),
        "must not name Host, because host is given",
    ),
    "header with a space": (lambda: Probe.http("/", headers={"X A": "1"}), "should match pattern"),
    "scheme in lower case": (
        lambda: Probe.http("/", scheme="https"),  # type: ignore[arg-type]
        "should be 'HTTP' or 'HTTPS'",
    ),
    "group of root": (lambda: PodSecurity(group=0), "greater than or equal to 1"),
    "probe without a command": (lambda: Probe.exec(), "at least 1 item"),
    "probe as text": (lambda: Probes(ready="/readyz"), "instance of Probe"),  # type: ignore[arg-type]
    "variable with a hyphen": (lambda: EnvVar.value("A-B", "1"), "should match pattern"),
    "blank reason": (lambda: Exposure(type="NodePort", public=" "), "should match pattern"),
    "reason for what is not open": (lambda: Exposure(public="sale"), "is given, but type is ClusterIP"),
    "host with a scheme": (
        lambda: Exposure(host="https://hits.example.com", tls=Tls.secret("hits")),
        "must be host names, without scheme, port or path: hits.example.com",
    ),
    "one host of two in capitals": (
        lambda: Exposure(host=["hits.example.com", "Hits.example.com"], tls=Tls.secret("hits")),
        "must be host names",
    ),
    "host without a word about encryption": (
        lambda: Exposure(host="hits.example.com"),
        "is missing: Tls.issuer(…), Tls.secret(…), or Tls.none('REASON')",
    ),
    "plain http without a reason": (lambda: Tls.none(" "), "should match pattern"),
    "certificate of no host": (lambda: Exposure(tls=Tls.secret("hits")), "there is no host to prove"),
    "certificate of a gateway's host": (
        lambda: Exposure(
            host="hits.example.com", via=Entrance.gateway("public"), tls=Tls.issuer("letsencrypt")
        ),
        "the listener of the Gateway has the certificate",
    ),
    "path without a slash": (
        lambda: Exposure(host="hits.example.com", tls=Tls.secret("hits"), paths=["api"]),
        "should match pattern",
    ),
    "unknown option": (lambda: Rollout(surge=1), "surge"),  # type: ignore[call-arg]
}


@pytest.mark.parametrize(("make", "says"), OPTIONS.values(), ids=OPTIONS)
def test_an_option_that_cannot_work_is_refused_when_it_is_made(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError) as refusal:
        make()
    assert says in str(refusal.value)
