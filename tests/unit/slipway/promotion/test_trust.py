"""What a receipt says is verified: whoever may write ConfigMaps can write one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import ObjectNotFound, SlipwayError
from slipway.images.references import Image
from slipway.promotion import promote
from slipway.promotion.options import PromotionOptions
from slipway.promotion.phases import Prompter
from slipway.promotion.receipts import KEY, Outcome, Receipt, Receipts, now
from slipway.pulumi.project import ConfigValue, Project, Stack
from slipway.pulumi.stack_snapshot import StackSnapshot
from tests.unit.recorder import DIGEST

OWN = f"ghcr.io/acme/hits@{DIGEST}"
FOREIGN = f"ghcr.io/evil/hits@{DIGEST}"
PROMPTER = Prompter(info=lambda _: None, show_report=lambda _: None, confirm=lambda _: True)


def receipt(**values: Any) -> Receipt:
    common = {"number": 1, "stack": "prod", "source": "dev", "image": OWN, "who": "me", "started": now()}
    return Receipt.model_validate({**common, "outcome": Outcome.VERIFIED, **values})


def receipts(name: str, stored: Receipt, given: str = "") -> Receipts:
    item = {"metadata": {"name": name}, "data": {KEY: stored.model_dump_json()}}
    return Receipts(cast(Cluster, SimpleNamespace(get=lambda *_: [item])), "shop", "prod", given)


def test_a_receipt_has_the_number_and_the_stack_of_its_name() -> None:
    assert receipts("prod.1", receipt()).all() == [receipt()]


class GivenNamespaces:
    """A cluster in which nobody may create a namespace, and no namespace but `team` exists."""

    def __init__(self) -> None:
        self.stored: list[Any] = []

    def create(self, manifest: Any) -> Any:
        assert manifest["kind"] == "ConfigMap", "no namespace is created"
        if manifest["metadata"]["namespace"] != "team":
            raise ObjectNotFound("no such namespace")
        self.stored.append(manifest)
        return manifest

    def get(self, kind: str, _: str, namespace: str, __: str, selector: str) -> Any:
        label, _, value = selector.partition("=")
        return [item for item in self.stored if item["metadata"]["labels"].get(label) == value]


def stack_in(namespace: str, cluster: GivenNamespaces, project: str = "shop", create: str = "false") -> Any:
    values = {"namespace": namespace, "createNamespace": create}
    config = {f"{project}:{key}": ConfigValue(value, secret=False) for key, value in values.items()}
    return StackSnapshot(
        cast(Stack, SimpleNamespace(name="prod")), project, config, cast(Cluster, cluster), {}
    )


def test_the_receipts_of_a_stack_in_a_given_namespace_are_in_it() -> None:
    """And those of another project in it are other receipts."""
    cluster = GivenNamespaces()
    for project in ("shop", "blog"):
        stack_in("team", cluster, project).receipts.create(receipt(who=project))
    for project in ("shop", "blog"):
        assert [item.who for item in stack_in("team", cluster, project).receipts.all()] == [project]
    with pytest.raises(ObjectNotFound):
        stack_in("other", cluster).receipts.create(receipt())


def test_the_receipts_of_a_stack_with_a_namespace_of_its_own_are_not_in_it() -> None:
    """They outlive the namespace."""
    cluster = SimpleNamespace(create=lambda manifest: manifest)
    stored = stack_in("team", cast(GivenNamespaces, cluster), create="true").receipts.create(receipt())
    assert (stored["metadata"]["namespace"], stored["metadata"]["name"]) == ("receipts-shop", "prod.1")


@pytest.mark.parametrize(
    ("name", "changes"), [("prod.2", {}), ("prod.1", {"number": 7}), ("prod.1", {"stack": "dev"})]
)
def test_a_receipt_that_does_not_fit_its_name_is_refused(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(SlipwayError, match=f"receipt {name} in namespace receipts-shop was changed by hand"):
        receipts(name, receipt(**changes)).all()


def snapshot(repository: str = "ghcr.io/acme/hits", runs: str | None = None) -> StackSnapshot:
    image = Image.parse(runs) if runs else None
    found = SimpleNamespace(
        name="prod", project="shop", repository=repository, image=image, setting="image", promotions=[]
    )
    found.promoting = lambda setting: found
    return cast(StackSnapshot, found)


@pytest.mark.parametrize(
    ("image", "target"), [(OWN, snapshot()), (FOREIGN, snapshot(runs=FOREIGN)), (OWN, snapshot("", OWN))]
)
def test_images_of_the_stacks_repositories_are_accepted(image: str, target: StackSnapshot) -> None:
    promote.check_repository(Image.parse(image), target, "receipt #1")


def test_a_rollback_refuses_an_image_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = receipt(image=FOREIGN)
    target = snapshot(runs=OWN)
    target.__dict__["promotions"] = receipts("prod.1", stored).all()
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: target)
    monkeypatch.setattr(promote, "finish", lambda *_: (target, None))
    with pytest.raises(SlipwayError) as refused:
        promote.rollback(cast(Project, None), "prod", 1, PromotionOptions(), PROMPTER)
    assert str(refused.value) == (
        f"receipt #1 names {FOREIGN}, which is not from the repository of prod (ghcr.io/acme/hits)."
        " If that is right: pulumi config set shop:repository ghcr.io/evil/hits --stack prod"
    )


def test_an_interrupted_promotion_is_not_rolled_back_to_an_image_from_elsewhere() -> None:
    released: list[bool] = []
    recorded: list[dict[str, Any]] = []
    lease: Any = SimpleNamespace(
        receipt=receipt(previous=FOREIGN, outcome=Outcome.OPEN),
        release=lambda: released.append(True),
        record=lambda **values: recorded.append(values),
    )
    with pytest.raises(SlipwayError, match=r"receipt #1 names ghcr\.io/evil/hits"):
        promote.resume(snapshot(runs=OWN), lease, False, PromotionOptions(), PROMPTER)
    assert (released, recorded) == ([True], [])
