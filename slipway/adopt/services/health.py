"""The health check of a service, as probes of its component."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.report import Report, join
from slipway.adopt.services.roles import Part, Role, mentioned
from slipway.adopt.services.settings import escaped, secret_words
from slipway.errors import BadSource

_SHELL = ("sh", "-c")
_URL = re.compile(
    r"(?P<scheme>https?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(?P<port>\d+))?(?P<page>/[^\s$`'\"]*)?",
    re.IGNORECASE,
)
_OPTIONS = {
    "curl": re.compile(
        r"(?=.* (?:-[a-zA-Z]*f|--fail))"  # without it, curl is content with any answer
        r"(?: -[fgikILsSv]+| -[fgikILsSv]*[mo] \S+"
        r"| --(?:fail|fail-with-body|silent|show-error|location|insecure|head|verbose)"
        r"| --(?:output|max-time|connect-timeout|retry|retry-delay)[ =]\S+)*"
    ),
    "wget": re.compile(
        r"(?: -[qSnv]*O ?\S+| -[qSnv]+| -[tT] ?\S+"
        r"| --(?:quiet|spider|no-verbose|no-check-certificate|server-response)"
        r"| --(?:tries|timeout|output-document)[ =]\S+)*"
    ),
}
"""The options with which a program asks for a page, and does nothing else."""
_PYTHON = re.compile(
    r"\s*(?:import urllib\.request(?: as \w+)?|from urllib\.request import urlopen)\s*;"
    r"\s*(?:\w+\.)*urlopen\((['\"])(?P<url>[^'\"]+)\1(?:,\s*timeout\s*=\s*[\d.]+)?\)(?:\.(?:read|close)\(\))?;?\s*"
)


def probes(service: Model, part: Part, path: str, report: Report, others: Iterable[Part]) -> dict[str, Code]:
    """Return the arguments about health: `probes` of a WebService, `probe` of a Worker."""
    health = service.get("healthcheck", {})
    place = join(path, "healthcheck")
    test = _test(health, place)
    times = [key for key in ("interval", "timeout", "retries", "start_interval") if key in health]
    for key in times if test else ():
        report.changed(join(place, key), "Slipway asks each second at the start, then each 2 s or more")
    if "disable" in health:
        report.translated(join(place, "disable"), "there is no check but the port's")
    reason = "a Job ends by itself" if part.role is Role.JOB else _obstacle(test, others)
    if reason or not test:
        if "test" in health:
            report.left_out(join(place, "test") if test else place, reason or "there is no check")
        if test and "start_period" in health:
            report.left_out(join(place, "start_period"), "there is no check that it is about")
        tcp = code.invoke("Probes", live="Probe.tcp()", ready="Probe.tcp()")
        return {"probes": tcp} if part.role is Role.WEB else {}
    run = code.invoke("Probe.exec", *(code.text(escaped(word)) for word in test))
    if part.role is Role.WORKER:
        report.translated(join(place, "test"), "a command that restarts the process if it hangs")
        if "start_period" in health:
            report.left_out(join(place, "start_period"), "the first check is after 30 s")
        return {"probe": run}
    more = {}
    if "start_period" in health:
        startup = short_forms.seconds(health["start_period"], join(place, "start_period"))
        report.translated(join(place, "start_period"), "Probes.startup, 60 s or more")
        more = {"startup": str(startup)} if startup > 60 else {}
    ready = _asked(test, part.port, join(place, "test"), report) or run
    return {"probes": code.invoke("Probes", live="Probe.tcp()", ready=ready, **more)}


def _test(health: Mapping[str, Any], place: str) -> list[str]:
    """Return the command of a check; empty if there is none."""
    test = health.get("test") or []
    if health.get("disable") or test == ["NONE"] or not test:
        return []
    if not isinstance(test, list) or test[0] not in ("CMD", "CMD-SHELL") or len(test) == 1:
        raise BadSource(f"{place}.test must begin with CMD or CMD-SHELL, or be a text")
    return [*_SHELL, str(test[1])] if test[0] == "CMD-SHELL" else [str(word) for word in test[1:]]


def _obstacle(test: Sequence[str], others: Iterable[Part]) -> str:
    """Return why a probe cannot run a check: the kubelet puts no variable of a Secret into it."""
    if secret_words(test):
        return "it has a secret: add `Probe.exec(…)` with a script of the image that reads a variable"
    servers = [part for part in others if part.role in (Role.REDIS, Role.POSTGRES, Role.SERVER)]
    named = [found.part.service for word in test for found in mentioned(word, servers) if not found.plain]
    if named:
        return (
            f"`{named[0]}` has another address or a password: check it by a script that reads the variables"
        )
    return ""


def _asked(test: Sequence[str], port: int | None, path: str, report: Report) -> Code | None:
    """Return the probe for a command that only asks a URL of the process itself."""
    match = _only_url(_words(test))
    if not match:
        report.translated(path, "a command that must succeed before the pod gets requests")
        return None
    scheme = match["scheme"].upper()
    asked = int(match["port"] or (443 if scheme == "HTTPS" else 80))
    report.changed(path, "the kubelet asks the same URL; live is what accepts connections")
    more: dict[str, Code] = {} if asked == port else {"port": str(asked)}
    if scheme == "HTTPS":
        more["scheme"] = code.text(scheme)
    return code.invoke("Probe.http", code.text(match["page"] or "/"), host=code.text("localhost"), **more)


def _only_url(words: Sequence[str]) -> re.Match[str] | None:
    """Return the URL of a command that asks for it with no header, login or body, and reads no answer."""
    program = words[0].rpartition("/")[2] if words else ""
    if re.fullmatch(r"python[\d.]*", program) and len(words) == 3 and words[1] == "-c":
        script = _PYTHON.fullmatch(words[2])
        return _URL.fullmatch(script["url"]) if script else None
    urls = [match for word in words[1:] if (match := _URL.fullmatch(word))]
    if program not in _OPTIONS or len(urls) != 1:
        return None
    options = "".join(f" {word}" for word in words[1:] if not _URL.fullmatch(word))
    return urls[0] if _OPTIONS[program].fullmatch(options) else None


def _words(test: Sequence[str]) -> list[str]:
    """Return the words of a check that is a single command; none if a shell has more to do."""
    if len(test) != 3 or not re.fullmatch(r"(?:/bin/)?(?:ba|a|da)?sh", test[0]) or test[1] != "-c":
        return list(test)
    script = re.sub(r"\s*\|\|\s*(?:exit\s+[1-9]\d*|false)\s*;?\s*$", "", test[2])
    script = re.sub(r"\s*[12&]?>\s*(?:&1|/dev/null)", "", script)
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:
        return []
    return [] if any(set(word) <= set("();<>|&") for word in words) else words
