"""Models that change: what their cards say, and whether requests to the one fit the other."""

from collections.abc import Iterator
from typing import Any

from slipway.cluster import quantities
from slipway.errors import SlipwayError
from slipway.images.model_card import CARD as CARD
from slipway.images.model_card import INTERFACE, Card
from slipway.images.model_card import SIZE as SIZE
from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get


def cards(situation: Situation) -> Iterator[Consequence]:
    """Yield what differs between the cards of the models that a workload serves before and after."""
    for old, new in situation.updates("Deployment"):
        before, after = _annotation(old, CARD), _annotation(new, CARD)
        if not isinstance(before, str) or not isinstance(after, str) or before == after:
            continue
        try:
            cards = Card.parse(before, "the card before"), Card.parse(after, "the card after")
        except SlipwayError as error:
            yield new.consequence(Level.ATTENTION, "image", f"serves another model, but {error}")
            continue
        yield from _changed_interface(new, *cards)
        details = tuple(_details(old, new, *cards))
        reason = f"{new} serves another model: {_metrics(cards[0])} → {_metrics(cards[1])}"
        yield Consequence(_level(*cards), "image", reason, new.change.urn, details)


def _level(old: Card, new: Card) -> Level:
    """Return ATTENTION if the metrics cannot be compared: another task, or other held-out rows."""
    same = (old.task, old.held_out) == (new.task, new.held_out)
    return Level.SAFE if same else Level.ATTENTION


def _changed_interface(workload: Object, old: Card, new: Card) -> Iterator[Consequence]:
    for kind in INTERFACE:
        before, after = old.interface(kind), new.interface(kind)
        if before != after:
            reason = f"has a model with other {kind}, {after} instead of {before}: requests of callers fail"
            yield workload.consequence(Level.DANGEROUS, "downtime", reason)


def _details(old: Object, new: Object, before: Card, after: Card) -> Iterator[str]:
    if before.data != after.data:
        yield f"data: {_rows(before.data)} → {_rows(after.data)}"
    if before.held_out != after.held_out:
        yield f"held-out rows: {_rows(before.held_out)} → {_rows(after.held_out)}"
    if before.seed != after.seed:
        yield f"seed: {before.seed} → {after.seed}"
    sizes = _annotation(old, SIZE), _annotation(new, SIZE)
    if sizes[0] != sizes[1]:
        yield f"size: {' → '.join(_size(size) for size in sizes)}"


def _rows(data: Any) -> str:
    return f"{data.rows} rows ({data.sha256[:12]})"


def _size(size: Any) -> str:
    return quantities.memory(float(size)) if str(size).isdigit() else "unknown"


def _metrics(card: Card) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in sorted(card.metrics.items()))


def _annotation(item: Object, key: str) -> Any:
    return get(item.manifest, "metadata", "annotations", key)
