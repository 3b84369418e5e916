"""Work done together: each who asks hears what came of their piece, whatever came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from uplink.station.store.batches import Batches


def outcomes(pieces: Sequence[Callable[[], int]]) -> list[int | BaseException]:
    done: list[int | BaseException] = []
    for piece in pieces:
        try:
            done.append(piece())
        except Exception as reason:  # noqa: BLE001 (as the database does)
            done.append(reason)
    return done


def nothing_found() -> int:
    return next(iter(()))


@pytest.mark.timeout(20)
async def test_a_bug_in_one_piece_is_heard_by_its_asker_and_the_next_piece_is_done() -> None:
    batches: Batches[Callable[[], int], int] = Batches("a test", outcomes, at_most=8)
    try:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await batches.ask(nothing_found)
        assert await batches.ask(lambda: 7) == 7
    finally:
        batches.close()
