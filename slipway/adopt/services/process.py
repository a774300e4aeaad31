"""The fields of a service that are about its process: resources, user, the end."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.report import Report, join
from slipway.adopt.services.roles import Role

_CONTAINER_PATH = r"(/[A-Za-z0-9._-]+)+"


def amounts(service: Model, path: str, report: Report, defaults: tuple[int, int, int, int]) -> Code | None:
    """Return the resources; `defaults` are the component's: CPU and memory requested, and their limits."""
    limits: Mapping[str, Any] = service.get("deploy", {}).get("resources", {}).get("limits") or {}
    reserved: Mapping[str, Any] = service.get("deploy", {}).get("resources", {}).get("reservations") or {}
    deploy = "deploy.resources"
    fields = {
        f"{deploy}.limits.cpus": limits.get("cpus"),
        "cpus": service.get("cpus"),
        f"{deploy}.limits.memory": limits.get("memory"),
        "mem_limit": service.get("mem_limit"),
        f"{deploy}.reservations.cpus": reserved.get("cpus"),
        f"{deploy}.reservations.memory": reserved.get("memory"),
        "mem_reservation": service.get("mem_reservation"),
    }
    given: dict[tuple[str, str], int] = {}
    for field, value in fields.items():
        if value is not None:
            place = join(path, field)
            kind = "cpu" if "cpu" in field else "memory"
            group = "requests" if "reserv" in field else "limits"
            given[group, kind] = (
                short_forms.cores(value, place) if kind == "cpu" else short_forms.mebibytes(value, place)
            )
            report.translated(place, f"resources.{group}.{kind}")
    if not given:
        return None
    for index, kind in enumerate(("cpu", "memory")):
        request, limit = given.get(("requests", kind)), given.get(("limits", kind))
        if limit is not None and request is None and limit < defaults[index]:
            given["requests", kind] = limit
        if request is not None and limit is None and request > defaults[index + 2]:
            given["limits", kind] = request
    groups = {}
    for group in ("requests", "limits"):
        own = {
            kind: code.text(f"{given[group, kind]}{'m' if kind == 'cpu' else 'Mi'}")
            for kind in ("cpu", "memory")
            if (group, kind) in given
        }
        if own:
            groups[group] = code.invoke("Compute", **own)
    return code.invoke("Resources", **groups)


def security(service: Model, path: str, image_user: int | None, report: Report) -> Code | None:
    """Return the user, if it is not the component's own."""
    user = str(service.get("user") or "")
    place = join(path, "user")
    if "user" not in service:
        return code.invoke("PodSecurity", user=str(image_user)) if image_user else None
    name, _, group = user.partition(":")
    if not name.isdecimal():
        report.changed(place, "Kubernetes wants a number: the user is 10001, or give `PodSecurity(user=…)`")
        return None
    if int(name) == 0:
        report.changed(place, "the namespace refuses root: the user is 10001")
        return None
    report.translated(place, "PodSecurity.user")
    more = {"group": group} if group.isdecimal() and group not in ("0", name) else {}
    return code.invoke("PodSecurity", user=name, **more)


def user_of(dockerfile: Path) -> int | None:
    """Return the number of the user that a Dockerfile names last, unless it is the components' default."""
    try:
        text = dockerfile.read_text(errors="replace")
    except OSError:
        return None
    users = re.findall(r"^\s*USER\s+(\S+)", text, re.IGNORECASE | re.MULTILINE)
    number = users[-1].partition(":")[0] if users else ""
    return int(number) if number.isdecimal() and int(number) not in (0, 10001) else None


def stopping(service: Model, role: Role, path: str, report: Report) -> dict[str, Code]:
    """Return the argument about the time that a process has to end."""
    if "stop_grace_period" not in service:
        return {}
    place = join(path, "stop_grace_period")
    grace = short_forms.seconds(service["stop_grace_period"], place)
    if role is Role.JOB:
        report.left_out(place, "a Job is stopped by its `timeout` only")
        return {}
    if role is Role.WORKER:
        report.translated(place, "grace")
        return {"grace": str(grace)}
    report.changed(place, "5 s more: pods serve on until no node sends to them")
    return {"rollout": code.invoke("Rollout", termination_grace=str(grace + 5))}


def is_path(path: str) -> bool:
    """Return whether components accept the path of a file or directory in a container."""
    return bool(re.fullmatch(_CONTAINER_PATH, path)) and not {".", ".."} & set(path.split("/"))
