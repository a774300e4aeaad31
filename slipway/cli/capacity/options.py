"""Options and inputs that the capacity commands share."""

import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from slipway.capacity import sampling
from slipway.capacity.prometheus import Prometheus
from slipway.capacity.usage import Usage, clean
from slipway.cluster.rollout import workloads
from slipway.errors import SlipwayError
from slipway.pulumi.stack_snapshot import StackSnapshot

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Parse a duration: 90s, 20m, 2h, 7d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not match or float(match[1]) <= 0:
        raise SlipwayError(f"{text!r} is not a duration: write a number above 0 and s, m, h or d, as in 20m")
    return float(match[1]) * _UNITS[match[2]]


PrometheusUrl = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="Read from this Prometheus instead of the local file."),
]
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def _metric(name: str) -> str:
    if not _METRIC.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is not the name of a metric, such as http_requests_total")
    return name


Requests = Annotated[
    str,
    typer.Option(
        "--requests",
        metavar="METRIC",
        callback=_metric,
        help="The application's counter of requests in Prometheus.",
    ),
]
Over = Annotated[str, typer.Option("--over", help="How far back to ask Prometheus: 36h, 14d.")]


def measured(snapshot: StackSnapshot, prometheus: str | None, requests: str, over: str) -> list[Usage]:
    """Return the cleaned use of the containers of a stack, from Prometheus or from the local file."""
    now = time.time()
    if prometheus is None:
        found = sampling.read(sampling.file_of(snapshot.stack.project.directory, snapshot.name))
    else:
        kinds: dict[str, dict[str, str]] = {}
        for item in workloads(snapshot.objects):
            kinds.setdefault(item.namespace, {})[item.name] = item.kind
        server, start = Prometheus(prometheus, requests), now - seconds(over)
        found = [usage for name, names in kinds.items() for usage in server.usages(name, names, start, now)]
    return [clean(usage, now) for usage in found]


def mapping(file: Path, keys: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """Return a YAML file that has these keys and no others.

    Raises:
        SlipwayError: the file cannot be read, or a key is unknown, missing or of another type.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SlipwayError(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise SlipwayError(f"{file} must be a mapping with the keys {', '.join(keys)}")
    for key in content:
        if key not in keys:
            raise SlipwayError(f"{file}: the key {key!r} is unknown; the keys are {', '.join(keys)}")
    for key, kind in keys.items():
        if key in content and not isinstance(content[key], kind):
            raise SlipwayError(f"{file}: {key} is {content[key]!r}, which is of the wrong type")
    return content


def number(where: str, value: Any) -> float:
    """Return a finite number of a YAML file; SlipwayError, with the place, if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SlipwayError(f"{where} is {value!r}, but must be a number")
    return float(value)
