"""What is counted of sessions that outlive their streams, and how Prometheus reads it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from service.metrics import SECONDS, Histogram

SNAPSHOT_BYTES = tuple(256 * 4**power for power in range(9))


@dataclass(slots=True)
class SessionCounters:
    """Since the server began. Changed on the event loop of the engines alone.

    `resumed`: by where the session was; `made`: sessions that were made from others, by how; `store_errors` and
    `store_seconds` by operation.
    """

    resumed: Counter[str] = field(default_factory=lambda: Counter(here=0, parked=0, stored=0))
    made: Counter[str] = field(default_factory=lambda: Counter(fork=0, snapshot=0, rollback=0))
    parked: int = 0
    woken: int = 0
    expired: int = 0
    snapshot_bytes: Histogram = field(default_factory=lambda: Histogram(SNAPSHOT_BYTES))
    snapshot_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    store_errors: Counter[str] = field(default_factory=Counter)
    store_seconds: dict[str, Histogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionReading:
    """Sessions at the moment of a scrape. `places`: how many there are, by where they live; `lag_seconds`,
    `lag_messages`: how far the store is behind, None where there is none.
    """

    counters: SessionCounters
    places: Mapping[str, int]
    lag_seconds: float | None = None
    lag_messages: int | None = None


_COUNTERS: tuple[tuple[str, str, Callable[[SessionCounters], float]], ...] = (
    ("hiddenstate_sessions_parked", "Sessions that gave their slot up.", lambda c: c.parked),
    ("hiddenstate_sessions_woken", "Sessions that had a slot again.", lambda c: c.woken),
    ("hiddenstate_sessions_forgotten", "Sessions that were in a store alone for too long.", lambda c: c.expired),
)
_LABELLED: tuple[tuple[str, str, str, Callable[[SessionCounters], Mapping[str, int]]], ...] = (
    ("hiddenstate_sessions_resumed", "Sessions a client came back to.", "place", lambda c: c.resumed),
    ("hiddenstate_sessions_made", "Sessions made from others.", "origin", lambda c: c.made),
    ("hiddenstate_store_errors", "Calls to the store that failed.", "operation", lambda c: c.store_errors),
)
_HISTOGRAMS: tuple[tuple[str, str, Callable[[SessionCounters], Histogram]], ...] = (
    ("hiddenstate_snapshot_bytes", "Size of a snapshot.", lambda c: c.snapshot_bytes),
    ("hiddenstate_snapshot_seconds", "Time to make a snapshot, between two ticks.", lambda c: c.snapshot_seconds),
)


class SessionCollector(Collector):
    """All metrics of sessions; `reading` is asked at each scrape."""

    def __init__(self, reading: Callable[[], SessionReading]) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """Every family once."""
        reading = self._reading()
        counters = reading.counters
        for name, text, counter in _COUNTERS:
            yield CounterMetricFamily(name, text, value=counter(counters))
        for name, text, label, counts in _LABELLED:
            family = CounterMetricFamily(name, text, labels=(label,))
            for key, count in list(counts(counters).items()):
                family.add_metric((key,), count)
            yield family
        for name, text, histogram in _HISTOGRAMS:
            values = histogram(counters)
            yield HistogramMetricFamily(name, text, buckets=values.buckets(), sum_value=values.total)
        text = "Time of a call to the store."
        times = HistogramMetricFamily("hiddenstate_store_seconds", text, labels=("operation",))
        for operation, values in list(counters.store_seconds.items()):
            times.add_metric((operation,), values.buckets(), values.total)
        yield times
        yield from _gauges(reading)


def _gauges(reading: SessionReading) -> Iterator[Metric]:
    places = GaugeMetricFamily("hiddenstate_known_sessions", "Sessions by where they live.", labels=("place",))
    for place, count in reading.places.items():
        places.add_metric((place,), count)
    yield places
    if reading.lag_seconds is not None:
        text = "Age of the oldest change that may not be in the store."
        yield GaugeMetricFamily("hiddenstate_durability_lag_seconds", text, value=reading.lag_seconds)
    if reading.lag_messages is not None:
        text = "Messages of the session that is furthest behind that were taken and are not in the store."
        yield GaugeMetricFamily("hiddenstate_durability_lag_messages", text, value=reading.lag_messages)
