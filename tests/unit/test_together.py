"""Equal questions at the same time share one read that began after they were asked."""

import asyncio

import pytest

from workers.together import Together


class Source:
    """A value that changes, and reads of it that the test lets through."""

    def __init__(self):
        self.value, self.reads, self.gate = 0, 0, asyncio.Event()

    async def read(self):
        self.reads += 1
        seen = self.value
        await self.gate.wait()
        return seen


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lone_question_reads_at_once():
    source, together = Source(), Together()
    source.gate.set()
    assert await together.ask("k", source.read) == 0
    assert source.reads == 1


async def test_nobody_gets_what_was_read_before_they_asked():
    source, together = Source(), Together()
    first = asyncio.create_task(together.ask("k", source.read))
    await settle()
    source.value = 1
    later = [asyncio.create_task(together.ask("k", source.read)) for _ in range(50)]
    await settle()
    assert source.reads == 1
    source.gate.set()
    assert await first == 0
    assert await asyncio.gather(*later) == [1] * 50
    assert source.reads == 2


async def test_other_keys_do_not_wait():
    source, together = Source(), Together()
    held = asyncio.create_task(together.ask("a", source.read))
    await settle()
    other = asyncio.create_task(together.ask("b", source.read))
    await settle()
    assert source.reads == 2
    source.gate.set()
    await asyncio.gather(held, other)


async def test_an_error_goes_to_all_who_shared_it_and_to_nobody_after():
    together, tries = Together(), []

    async def fails():
        tries.append(1)
        await asyncio.sleep(0)
        raise ValueError("no")

    asked = [asyncio.create_task(together.ask("k", fails)) for _ in range(5)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in answers} == {ValueError}
    assert len(tries) == 2
    with pytest.raises(ValueError, match="no"):
        await together.ask("k", fails)


async def test_a_caller_that_leaves_takes_nobody_with_it():
    source, together = Source(), Together()
    first = asyncio.create_task(together.ask("k", source.read))
    await settle()
    leaving, staying = (asyncio.create_task(together.ask("k", source.read)) for _ in range(2))
    await settle()
    leaving.cancel()
    source.gate.set()
    assert await staying == 0
    assert await first == 0
