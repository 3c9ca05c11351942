"""What is counted, and how Prometheus reads it: plain numbers on the hot path, turned into metrics at each scrape."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

TICK_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
TICK_STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound; the last count is for what is over all bounds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        """Begin with empty buckets."""
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as Prometheus wants them."""
        cumulative, result = 0, []
        for bound, count in zip([*map(str, self.bounds), "+Inf"], self.counts, strict=True):
            cumulative += count
            result.append((bound, float(cumulative)))
        return result


@dataclass(slots=True)
class EngineCounters:
    """What one loaded model has done since it was loaded. Changed by its engine alone."""

    steps: int = 0
    padding_steps: int = 0
    items: int = 0
    failed_rows: int = 0
    encoder_runs: int = 0
    rows: Histogram = field(default_factory=lambda: Histogram(TICK_ROWS))
    tick_steps: Histogram = field(default_factory=lambda: Histogram(TICK_STEPS))
    queue_wait: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    run_time: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    sessions_opened: int = 0
    sessions_ended: dict[str, int] = field(default_factory=dict)

    def ended(self, cause: str) -> None:
        """Count the end of a session by its cause."""
        self.sessions_ended[cause] = self.sessions_ended.get(cause, 0) + 1


@dataclass(frozen=True, slots=True)
class EngineGauges:
    """How things stand with one loaded model now."""

    active_sessions: int
    slots: int
    backlog_steps: int
    state_bytes: int
    context_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EngineReading:
    """One loaded model at the moment of a scrape."""

    model: str
    version: str
    counters: EngineCounters
    gauges: EngineGauges


@dataclass(slots=True)
class RequestCounters:
    """RPCs that have ended, by method and status code, and those that go on."""

    ended: dict[tuple[str, str], int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)

    def began(self, method: str) -> None:
        """Count an RPC that begins."""
        self.open[method] = self.open.get(method, 0) + 1

    def finished(self, method: str, code: str) -> None:
        """Count an RPC that ended."""
        self.open[method] -= 1
        self.ended[method, code] = self.ended.get((method, code), 0) + 1


Readings = Callable[[], Iterable[EngineReading]]
LoadStates = Callable[[], Mapping[tuple[str, str], str]]

_LABELS = ("model", "version")
_COUNTERS: tuple[tuple[str, str, Callable[[EngineCounters], float]], ...] = (
    ("hiddenstate_steps", "Steps run, padding not included.", lambda c: c.steps),
    ("hiddenstate_padding_steps", "Steps of padding that ran beside them.", lambda c: c.padding_steps),
    ("hiddenstate_items", "Items given to clients: tokens, results, outputs.", lambda c: c.items),
    ("hiddenstate_failed_rows", "Rows whose model run raised.", lambda c: c.failed_rows),
    ("hiddenstate_encoder_runs", "Runs of an encoder, each on whole sources.", lambda c: c.encoder_runs),
    ("hiddenstate_sessions_opened", "Sessions admitted.", lambda c: c.sessions_opened),
)
_HISTOGRAMS: tuple[tuple[str, str, Callable[[EngineCounters], Histogram]], ...] = (
    ("hiddenstate_tick_rows", "Rows (sessions) of a tick.", lambda c: c.rows),
    ("hiddenstate_tick_steps", "Length of the time axis of a tick, in steps.", lambda c: c.tick_steps),
    ("hiddenstate_queue_wait_seconds", "Wait of the oldest chunk of a tick before it ran.", lambda c: c.queue_wait),
    ("hiddenstate_model_run_seconds", "Time of one model run.", lambda c: c.run_time),
)
_GAUGES: tuple[tuple[str, str, Callable[[EngineGauges], float]], ...] = (
    ("hiddenstate_active_sessions", "Live sessions.", lambda g: g.active_sessions),
    ("hiddenstate_slots", "Sessions that can be live at once.", lambda g: g.slots),
    ("hiddenstate_backlog_steps", "Steps that wait to run.", lambda g: g.backlog_steps),
    ("hiddenstate_state_bytes", "State of one session, in bytes.", lambda g: g.state_bytes),
    ("hiddenstate_context_bytes", "What the encoder gave for all live sessions, in bytes.", lambda g: g.context_bytes),
)


class ServerCollector(Collector):
    """All metrics of the server; `readings` and `load_states` are asked at each scrape."""

    def __init__(self, requests: RequestCounters, readings: Readings, load_states: LoadStates) -> None:
        self._requests = requests
        self._readings = readings
        self._load_states = load_states

    def collect(self) -> Iterator[Metric]:
        """Every family once."""
        yield from self._request_families()
        readings = list(self._readings())
        for name, text, counter in _COUNTERS:
            family = CounterMetricFamily(name, text, labels=_LABELS)
            for reading in readings:
                family.add_metric((reading.model, reading.version), counter(reading.counters))
            yield family
        for name, text, histogram in _HISTOGRAMS:
            buckets = HistogramMetricFamily(name, text, labels=_LABELS)
            for reading in readings:
                values = histogram(reading.counters)
                buckets.add_metric((reading.model, reading.version), values.buckets(), values.total)
            yield buckets
        for name, text, gauge in _GAUGES:
            gauges = GaugeMetricFamily(name, text, labels=_LABELS)
            for reading in readings:
                gauges.add_metric((reading.model, reading.version), gauge(reading.gauges))
            yield gauges
        yield _ended_sessions(readings)

    def _request_families(self) -> Iterator[Metric]:
        ended = CounterMetricFamily("hiddenstate_requests", "RPCs that have ended.", labels=("method", "code"))
        for key, count in list(self._requests.ended.items()):
            ended.add_metric(key, count)
        yield ended
        going = GaugeMetricFamily("hiddenstate_open_requests", "RPCs that go on.", labels=("method",))
        for method, count in list(self._requests.open.items()):
            going.add_metric((method,), count)
        yield going
        states = GaugeMetricFamily(
            "hiddenstate_model_ready", "1 for a model version that serves, 0 for one that was refused.", labels=_LABELS
        )
        for key, state in self._load_states().items():
            states.add_metric(key, float(state == "ready"))
        yield states


def _ended_sessions(readings: Iterable[EngineReading]) -> Metric:
    family = CounterMetricFamily(
        "hiddenstate_sessions_ended", "Sessions that have ended, by cause.", labels=(*_LABELS, "cause")
    )
    for reading in readings:
        for cause, count in list(reading.counters.sessions_ended.items()):
            family.add_metric((reading.model, reading.version, cause), count)
    return family
