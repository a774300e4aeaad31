"""No command prints a secret that previews mask."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer
from pulumi.automation.events import EngineEvent
from rich.console import Console

from slipway import status
from slipway.cli import console, main
from slipway.cli import drift as drift_command
from slipway.cli import history as history_command
from slipway.cli.promote import show
from slipway.errors import SlipwayError
from slipway.masking import MASK, masked, masked_text, message
from slipway.promotion.options import PromotionOptions, VerifyOptions
from slipway.promotion.receipts import CheckResult, Outcome, Receipt
from slipway.promotion.verification import Finding, Target, verify
from slipway.pulumi.changes import Change, Op, PropertyChange
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Project, Stack
from slipway.pulumi.property_diff import printed
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery.drift import cluster_drift
from tests.unit.slipway.engine import step

CANARY = "canary7f3a9b21"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NAMES = ["SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "DB_PASS", "API_TOKEN", "jwtKey"]
URL = f"postgres://app:{CANARY}@db:5432/hits"


@pytest.mark.parametrize(
    "text",
    [
        URL,
        f"--password={CANARY}",
        f"GET /health?x=1&token={CANARY}&y=2",
        f'{{"password": "{CANARY}", "user": "me"}}',
        f'{{"password": "two words, {CANARY}", "user": "me"}}',
        f'{{"password": "a\\"{CANARY}"}}',
        f'"{{\\"password\\": \\"a {CANARY}\\"}}"',
        f"DB_PASS='two words {CANARY}'",
        f"gitlab_rails['smtp_password'] = 'two words {CANARY}'",
        f"define('AUTH_KEY', 'two words {CANARY}');",
        f"postgres://app:p@ss{CANARY}@db:5432/hits",
        f"url: jdbc:postgresql://db/hits?user=me&password={CANARY}",
        f"[database]\npassword = {CANARY}\n",
        f"database:\n  password: {CANARY}\n",
        f"Authorization: Basic {CANARY}",
        f"the header was Bearer {CANARY}",
        f"pushed with ghp_{CANARY}{CANARY}",
        f"eyJhbGciOiJI.{CANARY}.{CANARY}",
        f"curl -u user:{CANARY} https://host",
        f"curl -s -uuser:{CANARY} https://host",
        f"curl --user user:{CANARY} https://host",
        f"curl -fsu user:{CANARY} https://host",
        f"app:{CANARY}@tcp(db:3306)/hits?parseTime=true",
        f"app:p@ss:{CANARY}@unix(/run/mysqld.sock)/hits",
        f"curl --user=user:{CANARY} https://host",
        f"curl -u 'user:two words {CANARY}' https://host",
        f"curl --proxy-user user:{CANARY} https://host",
        f"curl -H 'X-Api-Key: {CANARY}' https://host",
        f"run --password {CANARY} --level info",
        f"run --password  '{CANARY} {CANARY}'",
        f"run --db-password=a,{CANARY}",
        f"run --password a\\ {CANARY}",
        f"run --token {CANARY}",
        f'run --api-key "two words {CANARY}"',
        f"run --client-secret {CANARY}",
        f"run -password {CANARY}",
        f"redis-server --requirepass {CANARY}",
        f"bash -c 'run --token {CANARY}'",
        f'{{"command": "run --token \\"two words {CANARY}\\""}}',
        f'args: ["--password", "{CANARY}"]',
        f"args: ['--password','two words {CANARY}']",
        f'exec: ["--password" "{CANARY}"]',
        f"args: [--password, {CANARY}]",
        f'"{{\\"args\\": [\\"--password\\", \\"{CANARY}\\"]}}"',
        f"args:\n  - --password\n  - {CANARY}\n",
        f'args:\n- "--password"\n- "two words {CANARY}"\n',
        f'["curl", "-u", "user:{CANARY}"]',
        f"curl -u user:-{CANARY} https://host",
        f"run --password=-{CANARY}",
        f'run --name "a b" --verbose --mode fast --token {CANARY}',
    ],
)
def test_secrets_in_texts(text: str) -> None:
    assert CANARY not in masked_text(text)
    assert MASK in masked_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "postgres://app:$(PASSWORD)@db:5432/hits",
        "secretName=web-tls tokenTTL=300 app.kubernetes.io/name=web",
        "Deployment web: has 0 of 3 pods ready",
        "PASSWORD=$(DB_PASS)",
        "error: authentication token: expired at noon",
        "bearer token not accepted",
        "docker run -u 1000:1000 --user 0:0 web",  # ids of a user and a group
        "redis-cli -u redis://cache:6379",
        "docker run --user app web",
        "curl -u user:$PASSWORD --user user:${PASSWORD} https://host",
        "run --password-file /run/x --token-ttl 30 --secret-name web",
        "run --password $(PASSWORD) --token $TOKEN --api-key ${KEY}",
        "docker login --password-stdin host",
        "run --password --level info",
        'args: ["--password", "--level", "info"]',
        "args:\n- --password-file\n- /run/x\n",
        "the option --password is required; --token must have a value",
        "pulumi config set --stack dev --secret redisPassword",
        "docker build --secret id=npm,env=NPM .",
        "curl -H 'Host: example.com' https://host",
        "rsync -au backup:/data /x",
        "rsync -avu web:src .",
        "sort -nu a:b",
        "docker cp -Lu web:/x .",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--password", CANARY, "--level", "info"], ["--password", MASK, "--level", "info"]),
        (["curl", "-u", f"user:{CANARY}"], ["curl", "-u", f"user:{MASK}"]),
        (["curl", "-H", f"X-Api-Key: {CANARY}"], ["curl", "-H", f"X-Api-Key: {MASK}"]),
        (["--password=a", CANARY], [f"--password={MASK}", CANARY]),
        (["--password-file", "/run/x", "-u", "1000:1000"], ["--password-file", "/run/x", "-u", "1000:1000"]),
        (["--password", "$(PASSWORD)", "--token", "-v"], ["--password", "$(PASSWORD)", "--token", "-v"]),
        (["--password", "", "--token", 5], ["--password", "", "--token", 5]),
    ],
)
def test_arguments_of_a_container(arguments: list[Any], shown: list[Any]) -> None:
    assert masked({"args": arguments}) == {"args": shown}


def test_an_argument_that_changes_next_to_its_option() -> None:
    """The engine's diff has only the argument; the option before it says that it is a secret."""
    old, new = ({"spec": {"args": ["--password", f"{CANARY}{version}"]}} for version in (1, 2))
    item = PropertyChange("spec.args[1]", "update", f"{CANARY}1", f"{CANARY}2", replaces=False)
    change = Change("urn", DEPLOYMENT, Op.UPDATE, "", old, new, {}, (item,))
    assert printed(change, item) == (MASK, MASK)


def test_long_texts_take_no_longer_than_their_length() -> None:
    texts = ("x", "- ", "\n", "--", "-u", "-u \n", "-a=x,", "-a \"-a '", '-a "', "-u\\\\")
    for text in (text * (200_000 // len(text)) for text in texts):
        begun = time.process_time()
        assert masked_text(text) == text
        assert time.process_time() - begun < 2


def test_a_message_keeps_its_lines_and_loses_its_escape_sequences() -> None:
    assert message("one\ntwo\x1b[2J") == "one\ntwo\\x1b[2J"


def drifted() -> list[EngineEvent]:
    """Return the events of a refresh that finds variables and a ConfigMap that were changed by hand."""

    def deployment(*env: Any) -> dict[str, Any]:
        container = {"name": "web", "env": list(env)}
        return {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [container]}}}}

    def variables(value: str) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name in NAMES]

    known = deployment({"name": "PAGE", "value": "a"}, *variables("old" + CANARY))
    live = deployment({"name": "DB_PASS", "value": CANARY}, *variables(CANARY), {"name": "URL", "value": URL})
    settings = [{"kind": "ConfigMap", "data": {"a": value}} for value in ("", f"password: {CANARY}")]
    return [
        step("refresh", DEPLOYMENT, "web", known, known),
        step("update", DEPLOYMENT, "web", known, known, event="resOutputsEvent", outputs=(known, live)),
        step("refresh", "kubernetes:core/v1:ConfigMap", "settings", settings[0], settings[0]),
        step(
            "update", "kubernetes:core/v1:ConfigMap", "settings", settings[0], settings[0],
            event="resOutputsEvent", outputs=(settings[0], settings[1]),
        ),
    ]  # fmt: skip


class DriftedStack:
    """A stack whose cluster has secrets that were changed by hand."""

    name = "prod"

    def __init__(self, project: Path) -> None:
        self.file = project / "Pulumi.prod.yaml"

    def preview(self, refresh: bool) -> Run:
        return Run(drifted())

    def preview_refresh(self) -> Run:
        return Run(drifted())


@pytest.mark.parametrize("as_json", [False, True])
def test_drift(
    as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = SimpleNamespace(stack=lambda name: DriftedStack(tmp_path))
    monkeypatch.setattr(drift_command, "Project", lambda *_: project)
    with pytest.raises(typer.Exit):
        drift_command.drift("prod", fix=False, as_json=as_json)
    output = capsys.readouterr().out
    assert CANARY not in output
    # A name that drifted, four values of old variables, the URL's password, and the ConfigMap.
    assert "env[0].value" in output and output.count(MASK) >= 7


def test_promote_and_status_print_drift(tmp_path: Path) -> None:
    """Both print what `cluster_drift` returns."""
    lines = "\n".join(cluster_drift(cast(Stack, DriftedStack(tmp_path))))
    assert "Deployment web" in lines and CANARY not in lines


def test_status_prints_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(project: Project, name: str) -> StackSnapshot:
        raise SlipwayError(f"kubectl cannot reach https://me:{CANARY}@host")

    monkeypatch.setattr(StackSnapshot, "read", read)
    [row] = status.overview(cast(Project, None), ["prod"])
    assert row.problems == (f"kubectl cannot reach https://me:{MASK}@host",)


RECEIPT = Receipt(
    number=1, stack="prod", source="dev", image="hits@sha256:0", who="me",
    started=datetime(2026, 1, 1, tzinfo=UTC), outcome=Outcome.FAILED,
    reason=f"the update failed: DB_PASS={CANARY}",
    checks=(CheckResult(name="http", passed=False, detail=f"{URL} answers 500"),),
    options=PromotionOptions(VerifyOptions(path=f"/?token={CANARY}", command=f"check --password={CANARY}")),
)  # fmt: skip


@pytest.mark.parametrize("as_json", [False, True])
def test_history(as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    snapshot = SimpleNamespace(receipts=SimpleNamespace(all=lambda: [RECEIPT]))
    monkeypatch.setattr(history_command, "Project", lambda _: None)
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: snapshot)
    history_command.history("prod", as_json=as_json)
    output = capsys.readouterr().out
    assert "DB_PASS=" in output.replace("\n", "") and CANARY not in output


def test_history_shows_brackets_of_anybody_as_they_are() -> None:
    """Whoever may write ConfigMaps there can write a receipt."""
    receipt = RECEIPT.model_copy(update={"who": "[/red]", "source": "[/x]", "commit": "[/y]\x1b[2J"})
    screen = Console(width=200)
    with screen.capture() as captured:
        screen.print(history_command.receipts_table([receipt]))
    assert all(text in captured.get() for text in ("[/red]", "[/x]", "[/y]"))
    assert "\x1b[2J" not in captured.get()


def test_the_result_of_promote_and_rollback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        show(RECEIPT, as_json=True)
    output = capsys.readouterr()
    assert json.loads(output.out)["options"]["verify"]["path"] == f"/?token={MASK}"
    assert CANARY not in output.out + output.err


def test_messages_and_errors(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every message of promote, recover and prune, and the error of every command."""
    console.info(f"✗ command: exit code 1: token={CANARY}\x1b]0;title\x07")

    def fail(**_: str) -> None:
        raise SlipwayError(f"the update failed: {URL}")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr(main, "load", lambda command: None)
    with pytest.raises(SystemExit):
        main.main()
    error = capsys.readouterr().err
    assert error.count(MASK) == 2 and CANARY not in error and "\x1b]" not in error


def test_the_receipt_keeps_no_secret_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leak:
        name = "command"

        def run(self, target: Target, options: VerifyOptions) -> Finding:
            return Finding(True, f"exit code 0: token={CANARY}")

    monkeypatch.setattr("slipway.promotion.verification.CHECKS", [Leak()])
    target = SimpleNamespace(info=lambda text: None)
    [result] = verify(cast(Target, target), VerifyOptions())
    assert result.detail == f"exit code 0: token={MASK}"


def test_the_reason_of_a_failed_update() -> None:
    diagnostic = {"message": f"cannot connect to {URL}", "severity": "error"}
    events = [EngineEvent.from_json({"diagnosticEvent": diagnostic})]
    assert Run(events, "failed").failure_reason == "cannot connect to " + masked_text(URL)
    assert CANARY not in Run([], f"code 255\n stderr: {URL}").failure_reason
