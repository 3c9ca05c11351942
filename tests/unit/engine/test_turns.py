"""One engine works in each round of the event loop."""

import asyncio

from service.turns import Turns


async def test_engines_take_turns_with_the_rounds_of_the_loop() -> None:
    turns, rounds, worked = Turns(), 0, list[tuple[str, int]]()

    def count() -> None:
        nonlocal rounds
        rounds += 1
        asyncio.get_running_loop().call_soon(count)

    async def work(name: str) -> None:
        for _ in range(4):
            await turns.next()
            worked.append((name, rounds))
            await asyncio.sleep(0)

    count()
    await asyncio.gather(*(work(name) for name in "abc"))

    assert [name for name, _ in worked] == list("abc" * 4)
    # Between any two of them the loop has gone round, and served what waits for it.
    assert len({at for _, at in worked}) == len(worked)


async def test_one_that_is_alone_does_not_wait() -> None:
    turns = Turns()
    waiting = asyncio.ensure_future(turns.next())
    await asyncio.sleep(0)
    assert waiting.done()


async def test_one_that_gives_up_keeps_nobody_waiting() -> None:
    turns = Turns()
    await turns.next()
    leaving, staying = asyncio.ensure_future(turns.next()), asyncio.ensure_future(turns.next())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait_for(staying, 1)
