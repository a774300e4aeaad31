"""Commands and probes of well-known charts, and other ordinary ones: none has a secret."""

import sys
from typing import Any

import pytest

from tests.unit.policy.test_policy import deployment, rules

SCRIPTS = {
    "mysql": """password_aux="${MYSQL_ROOT_PASSWORD:-}"
if [[ -f "${MYSQL_ROOT_PASSWORD_FILE:-}" ]]; then
    password_aux=$(cat "$MYSQL_ROOT_PASSWORD_FILE")
fi
mysqladmin status -uroot -p"${password_aux}"
""",
    "mariadb": """MARIADB_PASSWORD="${MARIADB_ROOT_PASSWORD:-}"
mariadb-admin ping -uroot -p"${MARIADB_PASSWORD}"
""",
    "postgresql": 'exec pg_isready -U "shop" -d "dbname=shop" -h 127.0.0.1 -p 5432',
    "redis": """[[ -f $REDIS_PASSWORD_FILE ]] && export REDIS_PASSWORD="$(< "${REDIS_PASSWORD_FILE}")"
[[ -n "$REDIS_PASSWORD" ]] && export REDISCLI_AUTH="$REDIS_PASSWORD"
response=$(timeout -s 15 $1 redis-cli -h localhost -p $REDIS_PORT ping)
if [ "$response" != "PONG" ]; then echo "$response"; exit 1; fi
""",
    "rabbitmq": "curl -f --user user:$RABBITMQ_PASSWORD 127.0.0.1:15672/api/health/checks/virtual-hosts",
    "mongodb": 'mongosh --quiet --port 27017 --eval "db.adminCommand(\'ping\')" -p "$MONGODB_ROOT_PASSWORD"',
    "mongodb configuration": "cat > /m.conf <<EOF\nsecurity:\n  authorization: enabled\nEOF\nexec mongod",
    "kafka": """# Don't start before the others
replace_placeholder "user-password" "${KAFKA_CLIENT_PASSWORD%%,*}"
export KAFKA_CFG_JAAS="ScramLoginModule required username=\\"u\\" password=\\"$KAFKA_PASSWORD\\";"
""",
    "elasticsearch": """if [ -n "${ELASTIC_PASSWORD}" ]; then
  BASIC_AUTH="-u ${ELASTIC_USERNAME}:${ELASTIC_PASSWORD}"
else
  BASIC_AUTH=''
fi
curl --output /dev/null -k $BASIC_AUTH "https://127.0.0.1:9200/_cluster/health?timeout=1s"
""",
    "vault": """cp /vault/config/x.hcl /tmp/x.hcl;
[ -n "${HOST_IP}" ] && sed -Ei "s|HOST_IP|${HOST_IP?}|g" /tmp/x.hcl;
/usr/local/bin/docker-entrypoint.sh vault server -config=/tmp/x.hcl
""",
    "airflow": "exec \\\nairflow webserver",
    "minio": "/usr/bin/docker-entrypoint.sh minio server /export --certs-dir /etc/minio/certs/",
    "defaults": 'PASSWORD="${PASSWORD-}"; TOKEN="${2:-$TOKEN}"; PASS=${TOKEN%%:*}; NAME_TOKEN=${TOKEN:-none}',
    "counters": "PASS=0; FAIL=0; PASSWORD=0; PWD=/tmp PASS=$((PASS+1))",
    "-p of mkdir": "mkdir -p /backup && mongodump --archive=/backup/x",
    "-a of cp": "cp -a /d /e; redis-cli ping",
    "-a of ls": "ls -a /data\nredis-cli ping",
    "-u of sort": "curl https://x | sort -u a:b",
    "python": "python -c \"token=os.environ['T']\"",
    "node": 'node -e "const token=process.env.TOKEN"',
    "a program in a here-document": "python - <<'EOF'\ntoken=os.environ['T']\nEOF\n",
    "sed": 'sed -i "s/password=.*/password=$P/" /etc/app.conf',
    "grep": "grep -q 'password=.*' /etc/app.conf",
    "printf": "printf 'password=%s' \"$P\" > /etc/app.conf",
    "backticks": "PASSWORD=`cat /run/secret` psql",
    "json": 'curl -d "{\\"password\\": \\"$PW\\"}" https://x',
}
ARGUMENTS = [
    ["vllm", "serve", "--max-num-batched-tokens", "8192", "--max_new_tokens", "512", "--tokenizer", "x"],
    ["vllm", "serve", "--max-num-batched-tokens=8192", "--num-speculative-tokens", "5"],
    ["--private-key", "/certs/tls.key", "--ssl-key", "/x", "--token", "/var/run/secrets/token"],
    ["--private-key=tls.key", "--ssl-key=./x"],
    ["--secret-field-selector=type!=kubernetes.io/dockercfg", "--secret-label-selector", "app"],  # Prometheus
    ["--metric-labels-allowlist=secrets=[app]", "--resources=pods,secrets"],  # kube-state-metrics
    ["--default-ssl-certificate=ns/tls", "--publish-service=$(POD_NAMESPACE)/x"],  # ingress-nginx
    ["create", "--host=x,y", "--namespace=$(POD_NAMESPACE)", "--secret-name=ingress-nginx-admission"],
    ["--dynamic-serving-ca-secret-name=cert-manager-webhook-ca", "--leader-election-namespace=x"],
    ["--cookie-secret=$(SECRET)", "--pass-access-token=true", "--pass-basic-auth=false"],  # oauth2-proxy
    ["kubectl", "create", "secret", "generic", "x", "--from-file=token=token.txt"],
    ["python", "-c", "token=os.environ['T']"],
    ["python", "-c", "import os;password=os.environ['P']"],
    ["--title", "Cafe\u00a0bar"],
    ["a\u3000b", "a\fb"],
]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_usual_script_has_no_secret(script: str) -> None:
    assert not sys.modules["plain_secrets"].has_secret(["/bin/bash", "-ec", script])


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_usual_arguments_have_no_secret(arguments: list[str]) -> None:
    assert not sys.modules["plain_secrets"].has_secret(arguments)


def problems(**container: Any) -> list[str]:
    return list(rules.plain_secrets(rules.KubernetesObject("Deployment", deployment(**container))))


def test_a_variable_that_allows_empty_passwords_is_no_secret() -> None:
    assert problems(env=[{"name": "ALLOW_EMPTY_PASSWORD", "value": "yes"}]) == []


def test_a_script_runs_in_the_command_of_its_container() -> None:
    assert problems(command=["python"], source="token=os.environ['T']") == []
    assert problems(script="#!/usr/bin/env python\ntoken=os.environ['T']") == []
    assert problems(command=["bash"], source="PGPASSWORD=hunter2 psql") != []
    assert problems(script="#!/bin/sh\nPGPASSWORD=hunter2 psql") != []


def test_a_secret_in_a_probe_is_reported_with_its_container() -> None:
    [problem] = problems(livenessProbe={"exec": {"command": ["redis-cli", "-a", "hunter2", "ping"]}})
    assert problem == "an argument of container web has a secret: take it from a Secret"
