import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.inference.turns import Turns

WAIT = 30


def test_who_is_alone_gets_its_own() -> None:
    turns = Turns(["a", "b"], alone="all")
    for _ in range(3):
        with turns.turn() as lent:
            assert lent == "all"


def test_others_share_and_each_has_its_own() -> None:
    turns = Turns(["a", "b", "c"], alone="all")
    with turns.turn() as first, turns.turn() as second, turns.turn() as third:
        assert first == "all"
        assert len({second, third} & {"a", "b", "c"}) == 2


def test_who_comes_while_another_runs_shares_though_the_first_has_gone() -> None:
    turns = Turns(["a", "b"], alone="all")
    first = turns.turn()
    assert first.__enter__() == "all"
    with turns.turn() as second:
        first.__exit__(None, None, None)
        with turns.turn() as third:
            assert {second, third} == {"a", "b"}
    with turns.turn() as lent:
        assert lent == "all"


def test_one_alone_without_its_own_takes_a_shared_one() -> None:
    turns = Turns(["a"])
    with turns.turn() as lent:
        assert lent == "a"


def test_an_error_gives_it_back() -> None:
    turns = Turns(["a"], alone="all")
    with pytest.raises(ValueError, match="inside"), turns.turn():
        raise ValueError("inside")
    with turns.turn() as lent:
        assert lent == "all"


@pytest.mark.parametrize("alone", ["all", None])
def test_no_more_run_than_there_are_and_no_two_on_the_same(alone: str | None) -> None:
    turns = Turns(["a", "b"], alone)
    running: list[str] = []
    seen: list[tuple[str, ...]] = []
    both = threading.Barrier(2)

    def work(_: int) -> None:
        with turns.turn() as lent:
            running.append(lent)
            seen.append(tuple(running))
            both.wait(WAIT)  # which needs two at the same time
            running.remove(lent)
            both.wait(WAIT)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert all(len(set(round)) == len(round) <= 2 for round in seen)
    assert max(map(len, seen)) == 2
