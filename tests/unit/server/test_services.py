"""How an RPC ends, whatever its behaviour raises."""

import asyncio
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from service.metrics import RequestCounters
from service.rpc.services import _counted


async def test_a_client_that_is_gone_before_grpc_says_so_is_no_fault_of_the_server():
    counters = RequestCounters()

    async def writes_to_nobody(_: Any, __: Any) -> None:
        raise grpc.aio.InternalError("Failed execute_batch")

    with capture_logs() as logs, pytest.raises(asyncio.CancelledError):
        await _counted("Task/Method", writes_to_nobody, counters)(None, None)
    assert logs == []
    assert counters.ended == {("Task/Method", "CANCELLED"): 1}
