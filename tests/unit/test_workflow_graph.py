"""The page's map of the state machine shows its states, and the ways between them."""

import json
import re
from typing import Any

import pytest

from chalicelib.page import WEB
from tests.conftest import ROOT

GRAPH = (WEB / "experiment" / "workflow" / "graph.js").read_text()
STATES: dict[str, Any] = json.loads((ROOT / "workflow.asl.json").read_text())["States"]


def constant(name: str) -> str:
    """The source of one of the map's exported lists."""
    match = re.search(rf"^export const {name} = \[(.*?)\];$", GRAPH, re.MULTILINE | re.DOTALL)
    assert match, f"graph.js exports no list {name}"
    return match[1]


NODES = re.findall(r'\bstate: "([^"]+)"', constant("NODES"))
TWINS = dict(re.findall(r'\bstate: "([^"]+)", twin: "([^"]+)"', constant("NODES")))
STEPS = re.findall(r'\["([^"]+)", "([^"]+)"\]', constant("STEPS"))
FALLIBLE = re.findall(r'"([^"]+)"', constant("FALLIBLE"))


def nested(states: dict[str, Any]) -> dict[str, Any]:
    """These states and all that are inside of them, by name."""
    all_states = dict(states)
    for state in states.values():
        for machine in [state.get("ItemProcessor"), *state.get("Branches", [])]:
            all_states |= nested(machine["States"]) if machine else {}
    return all_states


def following(state: dict[str, Any]) -> set[str]:
    """Where a state leads when nothing fails."""
    ways = [state, *state.get("Choices", [])]
    named = {way["Next"] for way in ways if "Next" in way} | {state.get("Default")}
    return {name for name in named if name}


def test_every_node_is_a_state() -> None:
    assert len(set(NODES)) == len(NODES)
    assert {*NODES, *TWINS.values()} <= set(nested(STATES))


def test_no_state_of_the_main_flow_is_missing() -> None:
    assert set(STATES) <= {*NODES, *TWINS.values()}
    assert {"Champion", "Challenger"} <= set(NODES)


def test_every_step_and_no_other_is_drawn() -> None:
    main = {twin: state for state, twin in TWINS.items()}
    ways = {
        (main.get(name, name), main.get(goal, goal))
        for name, state in STATES.items()
        for goal in following(state)
    }
    assert {*STEPS, ("Valid", "Refuse")} == ways


def test_ways_to_fail_are_those_of_what_is_caught() -> None:
    caught = {
        name
        for name, state in STATES.items()
        if any(way["Next"] == "Fail" for way in state.get("Catch", []))
    }
    assert {*FALLIBLE, *(TWINS[name] for name in FALLIBLE if name in TWINS)} == caught


@pytest.mark.parametrize("layout", ["row", "column"])
def test_no_node_lies_on_another(layout: str) -> None:
    places = {
        name: tuple(map(int, place.split(", ")))
        for name, place in re.findall(
            rf'state: "([^"]+)".*?\b{layout}: \[([\d, ]+)\]', constant("NODES")
        )
    }
    assert set(places) == set(NODES)
    inside = {"Champion", "Challenger"}
    for state, (x, y, width, height) in places.items():
        for other, (other_x, other_y, other_width, other_height) in places.items():
            if state == other or ("Classify" in (state, other) and {state, other} & inside):
                continue
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y, (state, other)
