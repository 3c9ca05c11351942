"""Counters are plain numbers on the hot path and proper Prometheus families at a scrape."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.metrics import EngineCounters, EngineGauges, EngineReading, Histogram, RequestCounters, ServerCollector


@pytest.fixture
def counters() -> EngineCounters:
    return EngineCounters()


@pytest.fixture
def requests() -> RequestCounters:
    return RequestCounters()


@pytest.fixture
def registry(counters: EngineCounters, requests: RequestCounters) -> CollectorRegistry:
    reading = EngineReading("novel", "3", counters, EngineGauges(2, 16, 40, 1024))
    states = {("novel", "3"): "ready", ("broken", "1"): "refused"}
    registry = CollectorRegistry()
    registry.register(ServerCollector(requests, lambda: [reading], lambda: states))
    return registry


MODEL = {"model": "novel", "version": "3"}


def test_a_value_counts_in_the_first_bucket_that_holds_it():
    histogram = Histogram((1.0, 2.0, 4.0))
    for value in (0.5, 1.0, 1.5, 4.0, 9.0):
        histogram.add(value)
    assert histogram.buckets() == [("1.0", 2), ("2.0", 3), ("4.0", 4), ("+Inf", 5)]
    assert histogram.total == 16.0


def test_counters_of_a_model_are_read_at_each_scrape(registry: CollectorRegistry, counters: EngineCounters):
    counters.steps += 7
    assert registry.get_sample_value("hiddenstate_steps_total", MODEL) == 7
    counters.steps += 1
    counters.padding_steps += 2
    counters.items += 3
    counters.failed_rows += 4
    counters.sessions_opened += 5
    names = ("steps", "padding_steps", "items", "failed_rows", "sessions_opened")
    found = [registry.get_sample_value(f"hiddenstate_{name}_total", MODEL) for name in names]
    assert found == [8, 2, 3, 4, 5]


def test_histograms_tell_buckets_sum_and_count(registry: CollectorRegistry, counters: EngineCounters):
    for rows in (1, 3, 300):
        counters.rows.add(rows)
    counters.queue_wait.add(0.003)
    assert registry.get_sample_value("hiddenstate_tick_rows_bucket", {**MODEL, "le": "4"}) == 2
    assert registry.get_sample_value("hiddenstate_tick_rows_count", MODEL) == 3
    assert registry.get_sample_value("hiddenstate_tick_rows_sum", MODEL) == 304
    assert registry.get_sample_value("hiddenstate_queue_wait_seconds_bucket", {**MODEL, "le": "0.005"}) == 1
    assert registry.get_sample_value("hiddenstate_queue_wait_seconds_bucket", {**MODEL, "le": "0.0025"}) == 0


def test_gauges_tell_how_things_stand(registry: CollectorRegistry):
    names = ("active_sessions", "slots", "backlog_steps", "state_bytes")
    assert [registry.get_sample_value(f"hiddenstate_{name}", MODEL) for name in names] == [2, 16, 40, 1024]


def test_sessions_end_by_cause(registry: CollectorRegistry, counters: EngineCounters):
    for cause in ("completed", "expired", "completed"):
        counters.ended(cause)
    name = "hiddenstate_sessions_ended_total"
    assert registry.get_sample_value(name, {**MODEL, "cause": "completed"}) == 2
    assert registry.get_sample_value(name, {**MODEL, "cause": "expired"}) == 1


def test_requests_count_while_open_and_once_ended(registry: CollectorRegistry, requests: RequestCounters):
    requests.began("GenerateText")
    requests.began("GenerateText")
    requests.finished("GenerateText", "OK")
    assert registry.get_sample_value("hiddenstate_open_requests", {"method": "GenerateText"}) == 1
    ended = {"method": "GenerateText", "code": "OK"}
    assert registry.get_sample_value("hiddenstate_requests_total", ended) == 1


def test_a_refused_model_is_shown_as_not_ready(registry: CollectorRegistry):
    assert registry.get_sample_value("hiddenstate_model_ready", MODEL) == 1
    assert registry.get_sample_value("hiddenstate_model_ready", {"model": "broken", "version": "1"}) == 0


def test_the_exposition_parses_and_documents_every_family(registry: CollectorRegistry, counters: EngineCounters):
    counters.ended("completed")
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert len(families) >= 17
    assert all(family.documentation for family in families)
    assert all(family.name.startswith("hiddenstate_") for family in families)
