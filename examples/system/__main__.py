"""A whole system from one image: web process, worker, migration and a job on a schedule, with a host name."""

from typing import Any

import pulumi

from components import (
    CronJob,
    EnvVar,
    Exposure,
    File,
    Job,
    Namespace,
    Probe,
    Probes,
    Redis,
    Tls,
    Volume,
    WebService,
    Worker,
)

config = pulumi.Config()
host = config.require("host")

space = Namespace("system")
broker = Redis("broker", namespace=space.name, storage="1Gi")
process: dict[str, Any] = {
    "namespace": space.name,
    "image": config.require("image"),
    "env": [broker.url("CELERY_BROKER_URL"), EnvVar.value("DJANGO_ALLOWED_HOSTS", host)],
    "files": [File.text("/etc/shop/settings.toml", 'currency = "EUR"\n')],
}

migrate = Job("migrate", **process, command=["python", "manage.py", "migrate"])

web = WebService(
    "web",
    **process,
    command=["gunicorn", "shop.wsgi", "--bind=:8000"],
    after=[migrate],
    tmp="1Gi",  # uploads of up to that size
    volumes=[Volume.claim("/srv/media", name="media", size="10Gi", access="ReadWriteMany")],
    probes=Probes(live=Probe.tcp(), ready=Probe.http("/readyz", host=host)),
    expose=Exposure(
        target_port=8000,
        host=host,
        tls=Tls.issuer("letsencrypt"),
        public="customers order here",
    ),
)

Worker(
    "mail",
    **process,
    command=["celery", "--app=shop", "worker", "--queues=mail"],
    after=[migrate],
    replicas=2,
    grace=600,  # a task ends within ten minutes
)

CronJob(
    "cleanup",
    **process,
    command=["python", "manage.py", "clearsessions"],
    schedule="30 4 * * *",
    time_zone="Europe/Berlin",
)

pulumi.export("url", web.url)
