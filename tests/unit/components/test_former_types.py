"""A stack from before a component was renamed keeps its resources."""

from collections.abc import Callable

import pulumi
import pytest
from pulumi.runtime import resource as runtime_resource

from components import Namespace, Redis, WebService
from tests.unit.conftest import Run

RENAMED: dict[str, Callable[[], pulumi.ComponentResource]] = {
    "RedisCache": lambda: Redis("cache", namespace="shop", storage="1Gi"),
    "RestrictedNamespace": lambda: Namespace("shop"),
}


@pytest.mark.parametrize(("former", "make"), RENAMED.items(), ids=RENAMED)
def test_the_engine_finds_the_component_under_its_former_type(
    former: str, make: Callable[[], pulumi.ComponentResource], engine: Run
) -> None:
    requests = engine(lambda: make() and None).requests
    [component] = [request for urn, request in requests.items() if "slipway:components:" in request.type]
    [alias] = component.aliases
    assert alias.spec.type == f"slipway:components:{former}"
    assert not alias.spec.name, "the name is the component's own"


@pytest.mark.parametrize(("former", "make"), RENAMED.items(), ids=RENAMED)
def test_its_children_inherit_the_former_type(
    former: str, make: Callable[[], pulumi.ComponentResource], engine: Run
) -> None:
    """Computes a child's aliases as the SDK does for engines that do not; the engine has the same rule."""

    def program() -> pulumi.Output[None]:
        component = make()
        child = "kubernetes:core/v1:Secret"
        aliases = runtime_resource.all_aliases([], "child", child, component)
        return pulumi.Output.all(*aliases).apply(check)

    def check(urns: list[str]) -> None:
        assert urns == [
            f"urn:pulumi:dev::slipway::slipway:components:{former}$kubernetes:core/v1:Secret::child"
        ]

    engine(program)


def test_the_callers_aliases_stay(engine: Run) -> None:
    opts = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="redis")])
    recorder = engine(lambda: Redis("cache", namespace="shop", opts=opts) and None)
    aliases = recorder.request("Redis", "cache").aliases
    assert [alias.spec.name or alias.spec.type for alias in aliases] == [
        "redis",
        "slipway:components:RedisCache",
    ]


def test_a_component_that_kept_its_name_has_no_alias(engine: Run) -> None:
    recorder = engine(lambda: WebService("web", namespace="shop", image="i") and None)
    assert not recorder.request("WebService", "web").aliases
