"""Samples that cannot be right, and histories that are not enough."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.capacity.usage import Sample, Usage, clean, refusal

NOW = 1_800_000_000.0
MIB = 2.0**20
DAY = 86400.0


def usage(samples: list[Sample]) -> Usage:
    return clean(Usage("web", "web", tuple(samples)), NOW)


def steady(count: int = 300, step: float = 300, pod: str = "web-1", memory: float = 50 * MIB) -> list[Sample]:
    return [Sample(NOW - (count - n) * step, pod, 0.1 + n % 3 / 100, memory + n % 7) for n in range(count)]


def test_a_day_of_samples_is_enough() -> None:
    assert refusal(usage(steady()), DAY) is None
    assert usage(steady()).notes == ()


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "there are no samples"),
        (steady(1), "the history covers 0 s"),
        (steady(24), "the history covers 1.92 h, but must cover 1 d"),
        (steady(8, DAY), "8 samples of CPU"),
        ([*steady(200), Sample(NOW - 9 * DAY, "web-1", 0.1, MIB)], "of the history, but must cover 50%"),
        ([Sample(s.time, s.pod, 250.0 * 1000, s.memory) for s in steady()], "not millicores"),
        ([Sample(s.time, s.pod, s.cpu, 50.0) for s in steady()], "the unit must be bytes"),
        ([Sample(s.time, s.pod, 0.0, s.memory) for s in steady()], "used no CPU at all"),
    ],
)
def test_a_history_that_is_not_enough_is_refused(samples: list[Sample], reason: str) -> None:
    assert reason in (refusal(usage(samples), DAY) or "")


@pytest.mark.parametrize(
    ("sample", "note"),
    [
        (Sample(NOW - 1, "web-1", math.nan, MIB), "1 sample not a number"),
        (Sample(NOW - 1, "web-1", None, None), "1 sample not a number"),
        (Sample(NOW - 1, "web-1", -0.5, MIB), "1 sample negative, as after a counter's reset"),
        (Sample(NOW + DAY, "web-1", 0.1, MIB), "1 sample from the future"),
        (Sample(NOW - 300, "web-1", 0.1, MIB), "1 sample repeated"),
    ],
)
def test_a_sample_that_cannot_be_right_is_left_out(sample: Sample, note: str) -> None:
    cleaned = usage([*steady(), sample])
    assert cleaned.samples == tuple(steady())
    assert cleaned.notes[0].startswith(note)


@given(
    st.lists(st.builds(Sample, st.floats(), st.just("a"), st.none() | st.floats(), st.none() | st.floats()))
)
def test_any_samples_are_cleaned_or_refused(samples: list[Sample]) -> None:
    cleaned = usage(samples)
    assert [item.time for item in cleaned.samples] == sorted(item.time for item in cleaned.samples)
    if refusal(cleaned, 0) is None:
        assert all(math.isfinite(value) and value >= 0 for value in (*cleaned.cpu, *cleaned.peaks()))


def test_memory_that_grows_without_an_end_is_a_leak() -> None:
    random_ = random.Random(1)  # noqa: S311 - not for secrets
    growing = [
        Sample(sample.time, sample.pod, 0.1, 50 * MIB + number * MIB / 4 + random_.random() * MIB)
        for number, sample in enumerate(steady())
    ]
    assert usage(growing).leak() == pytest.approx(3 * MIB, rel=0.05)


def test_memory_that_settles_or_swings_is_not_a_leak() -> None:
    settling = [
        Sample(s.time, s.pod, 0.1, MIB * (100 - 50 * math.exp(-number / 20)) + number % 5)
        for number, s in enumerate(steady())
    ]
    swinging = [
        Sample(s.time, s.pod, 0.1, MIB * (100 + 50 * math.sin(number / 20)))
        for number, s in enumerate(steady())
    ]
    for samples in (steady(), settling, swinging):
        assert usage(samples).leak() is None


def test_peaks_count_once_a_pod_and_hour() -> None:
    samples = [Sample(NOW // 3600 * 3600 - 40 * 3600 + n * 600, "a", 0.1, MIB * (n % 6)) for n in range(180)]
    assert usage(samples).peaks() == [5 * MIB] * 30
