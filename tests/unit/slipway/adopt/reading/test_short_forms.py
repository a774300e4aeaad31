"""The short forms of sizes and durations."""

import pytest

from slipway.adopt.reading import short_forms


@pytest.mark.parametrize(
    ("size", "mebibytes"),
    [("512Mi", 512), ("1GiB", 1024), ("1T", 1024**2), ("2048 KB", 2), ("1048576", 1), ("1.5gb", 1536)],
)
def test_sizes_have_the_units_that_docker_takes(size: str, mebibytes: int) -> None:
    assert short_forms.mebibytes(size, "web.mem_limit") == mebibytes


@pytest.mark.parametrize(("duration", "seconds"), [("1d", 86400), ("1m30s", 90), ("500000000ns", 1)])
def test_durations_have_the_units_that_compose_takes(duration: str, seconds: int) -> None:
    assert short_forms.seconds(duration, "web.stop_grace_period") == seconds


def test_a_protocol_may_have_capitals() -> None:
    assert short_forms.port("53:53/UDP", "web.ports[0]").protocol == "udp"
