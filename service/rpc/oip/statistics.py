"""What is told of a model's work: requests of this protocol, and the runs of its engine for all clients."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from hiddenstate.oip import open_inference_pb2 as oip
from service.catalog import Served


@dataclass(slots=True)
class Requests:
    """Requests of one version, and the seconds from their coming to their answer."""

    success_count: int = 0
    success_seconds: float = 0.0
    failure_count: int = 0
    failure_seconds: float = 0.0
    last: float = 0.0

    def succeeded(self, seconds: float) -> None:
        """Count a request that was answered."""
        self.success_count += 1
        self.success_seconds += seconds
        self.last = time.time()

    def failed(self, seconds: float) -> None:
        """Count a request that was refused."""
        self.failure_count += 1
        self.failure_seconds += seconds


class RequestStatistics:
    """The requests of every version since it was loaded; those of one that is gone go with it."""

    def __init__(self) -> None:
        self._requests: WeakKeyDictionary[Served, Requests] = WeakKeyDictionary()

    def of(self, served: Served) -> Requests:
        """Those of one version."""
        found = self._requests.get(served)
        if found is None:
            found = self._requests[served] = Requests()
        return found

    def response(self, served: Iterable[Served]) -> oip.ModelStatisticsResponse:
        """The statistics of some versions."""
        return oip.ModelStatisticsResponse(model_stats=[self._of(each) for each in served])

    def _of(self, served: Served) -> oip.ModelStatistics:
        requests, counters = self.of(served), served.engine.counters
        runs, waits = counters.run_time, counters.queue_wait
        # Reading inputs and writing outputs is not timed apart; perf_analyzer wants all three counted alike.
        untimed = _duration(sum(runs.counts), 0.0)
        return oip.ModelStatistics(
            name=served.manifest.name,
            version=str(served.manifest.version),
            last_inference=int(requests.last * 1000),
            inference_count=int(counters.rows.total),
            execution_count=sum(runs.counts),
            inference_stats=oip.InferStatistics(
                success=_duration(requests.success_count, requests.success_seconds),
                fail=_duration(requests.failure_count, requests.failure_seconds),
                queue=_duration(sum(waits.counts), waits.total),
                compute_input=untimed,
                compute_infer=_duration(sum(runs.counts), runs.total),
                compute_output=untimed,
                cache_hit=_duration(0, 0.0),
                cache_miss=_duration(0, 0.0),
            ),
        )


def _duration(count: int, seconds: float) -> oip.StatisticDuration:
    return oip.StatisticDuration(count=count, ns=int(seconds * 1e9))
