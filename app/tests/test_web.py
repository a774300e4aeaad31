from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from conftest import Redis
from flask.testing import FlaskClient
from hitcounter import store
from hitcounter.settings import Settings
from hitcounter.web import create_app


def client(redis: Redis) -> FlaskClient:
    return create_app(Settings(redis.url, version="1.2.3", pod="web-7")).test_client()


@pytest.fixture
def up(redis_server: Redis) -> Iterator[FlaskClient]:
    yield client(redis_server)


def test_every_visit_raises_the_count(up: FlaskClient) -> None:
    assert [up.get("/?format=text").text for _ in range(3)] == [
        f"hits={n} version=1.2.3 pod=web-7\n" for n in (1, 2, 3)
    ]


def test_the_page_shows_count_version_and_pod(up: FlaskClient) -> None:
    page = up.get("/").text
    assert '<p class="count">1</p>' in page
    assert "1.2.3" in page
    assert "web-7" in page


def test_the_page_stays_up_without_redis_and_says_so_quickly(no_redis: Redis) -> None:
    down = client(no_redis)
    started = time.monotonic()
    answers = [down.get("/") for _ in range(20)]
    assert {a.status_code for a in answers} == {200}
    assert "unavailable" in answers[0].text
    assert time.monotonic() - started < 20 * store.TIMEOUT  # it did not ask Redis twenty times


def test_livez_answers_without_redis_and_readyz_does_not(no_redis: Redis) -> None:
    down = client(no_redis)
    assert down.get("/livez").status_code == 200
    assert down.get("/readyz").status_code == 503


def test_counting_goes_on_when_redis_comes_back(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PAUSE", 0.05)
    web = client(redis_server)
    assert web.get("/readyz").status_code == 200
    redis_server.stop()
    # The fake server's open connections live on in their threads; only new ones meet the closed port.
    web.application.extensions["hits"]._client.connection_pool.disconnect()
    assert "unavailable" in web.get("/?format=text").text
    redis_server.start()
    time.sleep(0.06)
    assert "hits=1 " in web.get("/?format=text").text
    assert web.get("/readyz").status_code == 200


def test_metrics_count_requests_by_route_and_status(up: FlaskClient) -> None:
    up.get("/?format=text")
    up.get("/no/such/page")
    text = up.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/",status="200"}' in text
    assert 'http_requests_total{method="GET",route="unmatched",status="404"}' in text
    assert "http_request_duration_seconds_bucket" in text


def test_probes_are_not_logged_but_visits_are(up: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        up.get("/livez")
        up.get("/")
    assert [getattr(r, "path", None) for r in caplog.records if r.message == "request"] == ["/"]


def test_an_unforeseen_error_is_logged_and_answered_with_500(
    up: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: store.HitStore) -> int:
        raise RuntimeError("boom")

    monkeypatch.setattr(store.HitStore, "hit", broken)
    assert up.get("/").status_code == 500
    assert any(r.exc_info for r in caplog.records)
