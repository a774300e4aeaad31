"""The promises of Postgres."""

import json
from typing import Any

import pytest

from components import Backups, Compute, Database, Postgres, Resources, Restore, WebService
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

STORE = Backups(url="s3://archive/shop", access_key="key", secret_key="hush")  # noqa: S106 # made up


def store(**arguments: Any) -> Backups:
    return Backups(**{"url": "s3://archive", "access_key": "a", "secret_key": "b", **arguments})


def made(engine: Run, **arguments: Any) -> Recorder:
    given = {"namespace": "shop", "image": "acme/postgres@sha256:1", "storage": "1Gi", **arguments}
    return engine(lambda: Postgres("db", **given) and None)


def pod(recorder: Recorder, member: int = 0) -> dict[str, Any]:
    spec: dict[str, Any] = recorder.one("StatefulSet", f"db-{member}")["spec"]["template"]["spec"]
    return spec


def settings(recorder: Recorder) -> dict[str, Any]:
    [container] = recorder.one("Job", "db-update")["spec"]["template"]["spec"]["containers"]
    values = {variable["name"]: variable.get("value", "") for variable in container["env"]}
    return {**json.loads(values["DB_SETTINGS"]), "version": values["DB_VERSION"]}


class TestMembers:
    def test_each_has_a_stateful_set_of_one_pod_and_a_claim(self, engine: Run) -> None:
        recorder = made(engine, replicas=3, storage="2Gi")
        assert sorted(item.name for item in recorder.of("StatefulSet")) == ["db-0", "db-1", "db-2"]
        for number in range(3):
            claim = recorder.one("PersistentVolumeClaim", f"db-{number}")
            assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
            [data] = [item for item in pod(recorder, number)["volumes"] if item["name"] == "data"]
            assert data["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]

    def test_pulumi_never_restarts_a_pod_itself(self, engine: Run) -> None:
        """The Job of the update does, the standbys first."""
        recorder = made(engine, replicas=2)
        for item in recorder.of("StatefulSet"):
            assert item.inputs["spec"]["updateStrategy"] == {"type": "OnDelete"}
            assert "pulumi.com/skipAwait" not in item.inputs["metadata"]["annotations"]
        dependencies = recorder.request("Job", "db-update").dependencies
        assert [urn for urn in dependencies if ":StatefulSet::" in urn]

    def test_a_member_is_gone_before_its_way_to_the_store(self, engine: Run) -> None:
        """A server that stops archives its last writes."""
        request = made(engine, backups=STORE).request("StatefulSet", "db-0")
        kinds = {urn.rpartition(":")[0].rpartition(":")[0].rpartition(":")[2] for urn in request.dependencies}
        assert kinds >= {"NetworkPolicy", "Role", "RoleBinding"}

    def test_the_claims_outlive_the_stack_and_the_first_is_protected(self, engine: Run) -> None:
        recorder = made(engine, replicas=2)
        for number, protected in ((0, True), (1, False)):
            request = recorder.request("PersistentVolumeClaim", f"db-{number}")
            assert request.retainOnDelete
            assert bool(request.protect) is protected
        assert not made(engine, protect=False).request("PersistentVolumeClaim", "db-0").protect

    def test_a_member_that_is_not_alive_has_little_time_to_stop(self, engine: Run) -> None:
        spec = pod(made(engine))
        [container] = spec["containers"]
        assert container["livenessProbe"]["exec"]["command"][-1] == "dbserver.alive"
        assert (
            container["livenessProbe"]["terminationGracePeriodSeconds"]
            < spec["terminationGracePeriodSeconds"]
        )

    def test_a_drain_takes_one_member_at_a_time(self, engine: Run) -> None:
        assert not made(engine).of("PodDisruptionBudget")
        assert made(engine, replicas=2).one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1

    def test_pods_meet_the_level_restricted(self, engine: Run) -> None:
        spec = pod(made(engine))
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = spec["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


class TestUpdates:
    def test_another_pod_makes_another_job(self, engine: Run) -> None:
        larger = Resources(limits=Compute(memory="1Gi"))
        versions = {settings(made(engine, **more))["version"] for more in ({}, {"resources": larger})}
        assert len(versions) == 2
        assert settings(made(engine))["version"] in versions, "the same pods make the same Job"

    def test_what_transform_changes_makes_another_job(self, engine: Run) -> None:
        def urgent(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "StatefulSet":
                arguments["spec"]["template"]["spec"]["priority_class_name"] = "urgent"

        assert settings(made(engine, transform=urgent))["version"] != settings(made(engine))["version"]

    def test_durability_restarts_nothing(self, engine: Run) -> None:
        quick, sync = (settings(made(engine, replicas=2, durability=kind)) for kind in ("async", "sync"))
        assert (quick["synchronous"], sync["synchronous"]) == (False, True)
        assert quick["version"] == sync["version"]

    def test_a_growing_claim_restarts_nothing(self, engine: Run) -> None:
        assert settings(made(engine, storage="2Gi"))["version"] == settings(made(engine))["version"]


class TestRights:
    def test_members_change_their_own_pods_and_config_maps_only(self, engine: Run) -> None:
        rules = made(engine, replicas=2).one("Role", "db")["rules"]
        for rule in rules:
            limited = set(rule["verbs"]) - {"list", "watch", "create"}
            assert not limited or all(name.startswith("db-") for name in rule["resourceNames"])
        assert {kind for rule in rules for kind in rule["resources"]} == {"configmaps", "pods"}
        assert not [rule for rule in rules if "secrets" in rule["resources"] or "delete" in rule["verbs"]]

    def test_only_clients_connect_and_only_members_reach_patroni(self, engine: Run) -> None:
        ingress = made(engine).one("NetworkPolicy")["spec"]["ingress"]
        assert ingress[0]["from"] == [{"podSelector": {"matchLabels": {"db-client": "true"}}}]
        assert [port["port"] for port in ingress[0]["ports"]] == [5432]
        assert ingress[1]["from"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "db"}}}]

    def test_it_reaches_the_api_server_where_it_is_and_the_store(self, engine: Run) -> None:
        backups = store(endpoint="http://10.1.2.3:7070")
        egress = made(engine, api_server="10.0.0.1/32", backups=backups).one("NetworkPolicy")["spec"][
            "egress"
        ]
        reached = {(rule["to"][0].get("ipBlock") or {}).get("cidr"): rule["ports"] for rule in egress}
        assert [port["port"] for port in reached["10.0.0.1/32"]] == [443, 6443]
        assert [port["port"] for port in reached["10.1.2.3/32"]] == [7070]
        assert "0.0.0.0/0" not in reached


class TestClients:
    def test_a_client_gets_a_url_its_parts_and_the_way(self, engine: Run) -> None:
        def program() -> None:
            db = Postgres("db", namespace="shop", image="i", storage="1Gi")
            WebService("web", namespace="shop", image="w", env=[*db.env, db.url("READ_URL", read=True)])

        recorder = engine(program)
        template = recorder.one("Deployment", "web")["spec"]["template"]
        assert template["metadata"]["labels"]["db-client"] == "true"
        [container] = template["spec"]["containers"]
        names = ["DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD"]
        names += ["PGSSLMODE", "PGCHANNELBINDING", "READ_URL"]
        assert [variable["name"] for variable in container["env"]] == names
        data = recorder.one("Secret", "db-user-app")["stringData"]
        assert data["url"] == f"postgresql://app:{data['password']}@db:5432/app"
        assert data["read-url"] == f"postgresql://app:{data['password']}@db-read:5432/app"
        assert data["password"] not in str([item for item in recorder.resources if item.kind != "Secret"])

    def test_a_client_may_do_without_tls(self, engine: Run) -> None:
        def program() -> None:
            db = Postgres("db", namespace="shop", image="i", storage="1Gi", tls=False)
            WebService("web", namespace="shop", image="w", env=db.env)

        [container] = engine(program).one("Deployment", "web")["spec"]["template"]["spec"]["containers"]
        assert [item["name"] for item in container["env"] if "SSL" in item["name"]] == []

    def test_a_password_by_another_name_also_opens_the_way(self, engine: Run) -> None:
        def program() -> None:
            db = Postgres("db", namespace="shop", image="i", storage="1Gi")
            WebService("web", namespace="shop", image="w", env=[db.password("DB_PASSWORD")])

        recorder = engine(program)
        template = recorder.one("Deployment", "web")["spec"]["template"]
        assert template["metadata"]["labels"]["db-client"] == "true"
        [variable] = template["spec"]["containers"][0]["env"]
        assert variable["name"] == "DB_PASSWORD"
        reference = variable["valueFrom"]["secretKeyRef"]
        assert reference["key"] == "password"
        assert reference["name"].startswith("db-user-app-")

    def test_a_client_waits_for_the_job_that_makes_its_user(self, engine: Run) -> None:
        def program() -> None:
            db = Postgres("db", namespace="shop", image="i", storage="1Gi")
            WebService("web", namespace="shop", image="w", env=db.env)

        dependencies = engine(program).request("Deployment", "web").dependencies
        assert [urn for urn in dependencies if urn.endswith(":Job::db-update")]

    def test_another_version_of_passwords_makes_other_secrets(self, engine: Run) -> None:
        names = [
            [item.name for item in made(engine, password_version=version).of("Secret") if "user" in item.name]
            for version in (1, 2)
        ]
        assert names == [["db-user-app"], ["db-user-2-app"]]

    def test_no_version_of_a_password_has_the_secret_of_another_user(self, engine: Run) -> None:
        """Pulumi keeps what a Secret of this name has: a user would get the password of another one."""
        databases = [Database(name="app"), Database(name="app_2")]
        first, second = (
            {
                item.name
                for item in made(engine, databases=databases, password_version=version).of("Secret")
                if "-user-" in item.name
            }
            for version in (1, 2)
        )
        assert (len(first), len(second)) == (2, 2)
        assert not first & second

    def test_a_user_who_is_unknown_is_named(self, engine: Run) -> None:
        def program() -> None:
            Postgres("db", namespace="shop", image="i", storage="1Gi").env_of("reporter")

        with pytest.raises(ValueError, match="'reporter' is not a user of db, which has: app"):
            engine(program)


class TestBackups:
    def test_their_login_is_in_a_secret_alone(self, engine: Run) -> None:
        recorder = made(engine, backups=STORE)
        assert recorder.one("Secret", "db-store")["stringData"] == {"access-key": "key", "secret-key": "hush"}
        assert "hush" not in str([item for item in recorder.resources if item.kind != "Secret"])

    def test_a_drill_runs_after_an_update_and_on_a_schedule(self, engine: Run) -> None:
        recorder = made(engine, backups=STORE)
        assert recorder.one("CronJob", "db-backup")["spec"]["schedule"] == "30 1 * * *"
        assert recorder.one("CronJob", "db-drill")["spec"]["schedule"] == "30 3 * * 0"
        assert recorder.one("Job", "db-drill")["metadata"]["name"].startswith("db-drill-")

    def test_a_database_begins_with_the_archive_of_another(self, engine: Run) -> None:
        recorder = made(engine, backups=STORE, restore=Restore(server="old"))
        update = recorder.one("Job", "db-update")["spec"]["template"]["spec"]
        for spec in (pod(recorder), update):
            [container] = spec["containers"]
            values = {variable["name"]: variable.get("value") for variable in container["env"]}
            assert (values["RESTORE_SERVER"], values["RESTORE_TIME"]) == ("old", "LATEST")
