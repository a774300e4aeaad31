"""A build, port or host name that cannot work stops the program before it touches anything."""

from typing import Any

import pulumi
import pytest

from components.kubernetes.schedule import Schedule
from stack.settings import Settings
from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST
from tests.unit.stack.test_bad_stack_files import Bad, Program, refuse, web

BAD = {
    "no such context of a build": Bad(
        {"image": None, "build": {"context": "nowhere"}},
        "build.context is 'nowhere', but must be a directory with a Dockerfile",
        "set --path build.context app",
    ),
    "no such Dockerfile": Bad(
        {"image": None, "build": {"context": "app", "dockerfile": "docker/Dockerfile"}},
        "build.dockerfile is 'docker/Dockerfile', but must be a file, relative to",
        "set --path build.dockerfile docker/Dockerfile",
    ),
    "build without a context": Bad(
        {"image": None, "build": {"target": "runtime"}},
        "build.context is missing",
        "set --path build.context app",
    ),
    "misspelt key of the build": Bad(
        {"image": None, "build": {"context": "app", "buildArg": {}}},
        "build.buildArg is unknown; did you mean buildArgs?",
        "rm --path build.buildArg",
    ),
    "arguments of the build as a list": Bad(
        {"image": None, "build": {"context": "app", "buildArgs": ["A=1"]}},
        "build.buildArgs is ['A=1'], but must be a valid dictionary",
        "set --path build.buildArgs '{",
    ),
    "arguments of the build without quotes": Bad(
        {"image": None, "build": {"context": "app", "buildArgs": {"PYTHON_VERSION": 3.12, "A": "it's"}}},
        "build.buildArgs has no text for PYTHON_VERSION, but values must be in quotes",
        """set --path build.buildArgs '{"PYTHON_VERSION": "3.12", "A": "it'"'"'s"}'""",
    ),
    "argument of the build that is a list": Bad(
        {"image": None, "build": {"context": "app", "buildArgs": {"PYTHON_VERSION": ["3.12"]}}},
        "build.buildArgs.PYTHON_VERSION is ['3.12'], but must be a valid string",
        "set --path build.buildArgs.PYTHON_VERSION VALUE",
    ),
    "name of an argument of the build": Bad(
        {"image": None, "build": {"context": "app", "buildArgs": {"1X": "a"}}},
        "build.buildArgs.1X has a wrong name: must be letters, digits",
        "rm --path build.buildArgs.1X",
    ),
    "build of a number": Bad(
        {"image": None, "build": 5}, "build is 5, but must be a directory", "set build app"
    ),
    "Dockerfile of a number": Bad(
        {"image": None, "build": {"context": "app", "dockerfile": 5}},
        "build.dockerfile is 5, but must be a path",
        "set --path build.dockerfile docker/Dockerfile",
    ),
    "directory of too long a name": Bad(
        {"image": None, "build": "a" * 5000}, "but must be a directory with a Dockerfile", "set build app"
    ),
    "host of a number": Bad(
        web(host=5), "web.host is 5, but must be host names", "set --path web.host hits.example.com"
    ),
    "hosts of numbers": Bad(web(host=[5]), "web.host is [5], but must be host names", "set --path web.host"),
    "blank target": Bad(
        {"image": None, "build": {"context": "app", "target": " "}},
        "build.target is ' '",
        "set --path build.target runtime",
    ),
    "uploads in MB": Bad(web(tmp="100MB"), "web.tmp is '100MB', but must be an amount", "--path web.tmp 1Gi"),
    "no port": Bad(web(port=0), "web.port is 0, but must be greater", "set --path web.port 8000"),
    "host with a scheme": Bad(
        web(host="https://hits.example.com", issuer="letsencrypt", public="shop"),
        "web.host is 'https://hits.example.com', but must be host names, without scheme",
        "set --path web.host hits.example.com",
    ),
    "host without a certificate": Bad(
        web(host="hits.example.com", public="shop"),
        "web.issuer is missing, but host is set: name a ClusterIssuer, or set tlsSecret or plainHttp",
        "set --path web.issuer letsencrypt",
    ),
    "host with two certificates": Bad(
        web(host="hits.example.com", issuer="letsencrypt", tlsSecret="hits", public="shop"),
        "web.tlsSecret and issuer are both set",
        "rm --path web.tlsSecret",
    ),
    "host without a reason": Bad(
        web(host="hits.example.com", issuer="letsencrypt"),
        "web.public is missing, but host is set: give the reason",
        'set --path web.public "REASON"',
    ),
    "certificate of no host": Bad(
        web(issuer="letsencrypt"), "web.issuer is set, but host is not", "rm --path web.issuer"
    ),
    "class of no host": Bad(
        web(ingressClass="nginx"), "web.ingressClass is set, but host is not", "rm --path web.ingressClass"
    ),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_what_cannot_work_is_refused_with_the_line_that_repairs_it(bad: Bad, program: Program) -> None:
    refuse(bad, program)


def test_a_schedule_is_reported_like_any_other_key(engine: Run, kubeconfig: object) -> None:
    """As a program with a CronJob has it: a field of the settings."""

    class WithSchedule(Settings):
        cleanup: Schedule = "30 4 * * *"

    def load(**config: Any) -> None:
        values = {
            "kubernetes:context": "sandbox",
            "slipway:repository": "a/b",
            "slipway:image": DIGEST,
            **config,
        }
        pulumi.runtime.set_all_config({key: str(value) for key, value in values.items()}, [])
        engine(lambda: WithSchedule.load() and None)

    load()
    with pytest.raises(pulumi.RunError) as refusal:
        load(**{"slipway:cleanup": "61 4 * * *"})
    assert "cleanup is '61 4 * * *', but must have a minute from 0 to 59" in str(refusal.value)
    assert 'pulumi config set cleanup "30 4 * * *" --stack dev' in str(refusal.value)
    assert WithSchedule.model_json_schema()["properties"]["cleanup"]["type"] == "string"
