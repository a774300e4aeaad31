"""Whatever stands in a stack file: it is taken or refused in words; editors mark nothing that is taken."""

import json
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import jsonschema
import pulumi
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.validation import quantity
from slipway.cluster.quantities import amount
from stack import settings
from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST

MANY = hypothesis_settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WORDS = ["", "1", "250m", "0.5", "128Mi", "1Gi", "ClusterIP", "app", DIGEST]
NUMBER = st.one_of(st.integers(-5, 10**6), st.floats(allow_nan=False, allow_infinity=False))
SCALAR = st.one_of(st.none(), st.booleans(), NUMBER, st.text(max_size=8), st.sampled_from(WORDS))
JUNK = st.one_of(
    SCALAR, st.lists(SCALAR, max_size=2), st.dictionaries(st.text(max_size=5), SCALAR, max_size=2)
)


CPU = st.builds("{}{}".format, st.integers(0, 2000), st.sampled_from(["m", ""]))
MEMORY = st.builds("{}{}".format, st.integers(0, 2000), st.sampled_from(["Mi", "Gi", "Mi", "G", "k"]))


def configurations(junk: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Known keys, some missing, with values that often fit, or junk in place of any of them."""

    def group(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.fixed_dictionaries({}, optional={key: value | junk for key, value in keys.items()})

    compute = st.fixed_dictionaries({"cpu": CPU | junk, "memory": MEMORY | junk})
    resources = group(requests=compute, limits=compute)
    few = st.integers(0, 9)
    autoscaling = group(minReplicas=few, maxReplicas=few, cpuUtilization=st.integers(0, 120))
    types = st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])
    web = group(replicas=few, autoscaling=autoscaling, resources=resources, serviceType=types)
    redis = group(storage=MEMORY, resources=resources)
    # Only text: the engine hands over every value as text, `true` as "true", which may well be a name.
    text = junk.map(str)
    known = st.sampled_from([{"image": DIGEST}, {"build": "app"}])
    source = known | st.fixed_dictionaries({}, optional={"image": text, "build": text, "colour": junk})
    named = {"namespace": st.just("hits") | text, "repository": st.just("ghcr.io/you/hits") | text}
    rest = st.fixed_dictionaries({}, optional={"web": web | junk, "redis": redis | junk, **named})
    return st.builds(operator.or_, source, rest)


CONFIGURATIONS = configurations(st.nothing()) | configurations(JUNK)
SECRETS = st.text("abcdefgh:", min_size=1, max_size=16).map(lambda text: f"{text}hunter2")


@pytest.fixture
def load(engine: Run, kubeconfig: object) -> Callable[..., None]:
    """Read a stack's configuration, given as the engine hands it over: every value is text."""

    def run(config: dict[str, Any], secret: dict[str, str]) -> None:
        given = {"kubernetes:context": "sandbox", "slipway:repository": "localhost:5001/hits"}
        given |= {f"slipway:{key}": _text(value) for key, value in (config | secret).items()}
        pulumi.runtime.set_all_config(given, [f"slipway:{key}" for key in secret])
        engine(lambda: settings.Settings.load() and None)

    return run


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@MANY
@given(
    config=CONFIGURATIONS,
    secret=st.fixed_dictionaries({}, optional={"redisPassword": SECRETS, "registryCredentials": SECRETS}),
)
def test_it_is_taken_or_refused_in_words(
    config: dict[str, Any], secret: dict[str, str], load: Callable[..., None]
) -> None:
    try:
        load(config, secret)
    except pulumi.RunError as refusal:
        heading, *paragraphs = str(refusal).split("\n\n")
        assert heading == "stack 'dev' cannot be deployed, and nothing was touched. In Pulumi.dev.yaml:"
        assert paragraphs
        for paragraph in paragraphs:
            assert "\n      pulumi config " in paragraph
        assert "hunter2" not in str(refusal)
        assert "pydantic" not in str(refusal) and "Input should" not in str(refusal)
    else:
        config |= {key: {"secure": "v1:x"} for key in secret}
        own = {f"slipway:{key}": value for key, value in config.items()}
        document = {"config": {"kubernetes:context": "sandbox", **own}}
        jsonschema.Draft202012Validator(settings.schema()).validate(document)


@MANY
@given(
    number=st.decimals(0, 9999, places=3), unit=st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "Gi", "Ti"])
)
def test_program_and_reports_read_an_amount_alike(number: Decimal, unit: str) -> None:
    assert amount(f"{number}{unit}") == pytest.approx(float(quantity(f"{number}{unit}")))
