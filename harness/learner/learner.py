# SPDX-License-Identifier: Apache-2.0
"""Learns the state machine of a server's handshake: AALpy's L*, a Mealy machine.

learner.py TASK RESULT: both are JSON files; `./atls learn` writes the one and reads the other. The
server is asked through its door alone: nothing is known of it but its answers.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any, Mapping

from aalpy.base import SUL  # type: ignore[import]
from aalpy.learning_algs import run_Lstar  # type: ignore[import]
from aalpy.oracles import RandomWMethodEqOracle  # type: ignore[import]

from client import CLOSED, SILENCE, Connection
from evidence import Credentials
from tree import Differs, Spent, Tree, Word

from events import die_with_parent  # of peers/python

ATTEMPTS = 3  # each of which waits twice as long as the one before
LOOK_AHEAD = 5  # messages: all words up to that length, several at once
WALKS, WALK = 12, 5  # of the search for a counterexample: from each state, and their length


class Server(SUL):  # type: ignore[misc] # the library has no types
    """The server, as AALpy sees it."""

    def __init__(self, tree: Tree) -> None:
        super().__init__()
        self._tree = tree
        self._word: Word = ()

    def pre(self) -> None:
        self._word = ()

    def post(self) -> None:
        pass

    def step(self, letter: str) -> str:
        self._word = (*self._word, letter)
        return self._tree.answer(self._word)


def states(machine: Any) -> list[dict[str, Any]]:
    """The learnt machine, breadth first; each state with the word that leads to it."""
    found, words = [machine.initial_state], {machine.initial_state.state_id: ()}
    for state in found:
        for one, below in state.transitions.items():
            if below.state_id not in words:
                words[below.state_id] = (*words[state.state_id], one)
                found.append(below)
    numbers = {state.state_id: number for number, state in enumerate(found)}
    return [
        {
            "word": list(words[state.state_id]),
            "transitions": {
                one: {"answer": state.output_fun[one], "to": numbers[below.state_id]}
                for one, below in state.transitions.items()
            },
        }
        for state in found
    ]


def repeated(tree: Tree, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each transition of a machine, played again; those whose answer is another one."""
    differing: list[dict[str, Any]] = []

    def one(word: Word) -> None:
        answers = [tree.answer(word[: size + 1]) for size in range(len(word))]
        try:
            tree.again(word, answers)
        except Differs as difference:
            differing.append({"word": list(difference.word), "answers": difference.answers})

    words = [
        (*state["word"], name)
        for state in found
        for name in state["transitions"]
        if not (state["word"] and tree.answer(tuple(state["word"])).endswith(CLOSED))
    ]
    tree.at_once([lambda word=word: one(word) for word in words])  # type: ignore
    return differing


def of_time(one: Mapping[str, Any]) -> bool:
    """May a difference be one of time: is one answer the beginning of the other?"""
    shorter, longer = sorted(one["answers"], key=len)
    return bool(shorter == SILENCE or longer.startswith(f"{shorter}+"))


def learn(tree: Tree, alphabet: list[str], result: dict[str, Any], quiet: float) -> None:
    """Fills in the result; Spent where the bounds were reached."""
    for attempt in range(ATTEMPTS):
        try:
            tree.look_ahead(LOOK_AHEAD)
            server = Server(tree)
            oracle = RandomWMethodEqOracle(alphabet, server, WALKS, WALK)
            machine = run_Lstar(
                alphabet, server, oracle, "mealy", cache_and_non_det_check=False, print_level=0
            )
            result["states"] = states(machine)
            result["differing"] = repeated(tree, result["states"])
        except Differs as difference:
            one = {"word": list(difference.word), "answers": difference.answers}
            result["states"], result["differing"] = [], [one]
        if not all(map(of_time, result["differing"])) or not result["differing"]:
            return
        if attempt + 1 < ATTEMPTS:
            seen = [one["word"] for one in result["begun_again"]]
            for one in result["differing"]:
                if one["word"] not in seen:
                    seen.append(one["word"])
                    result["begun_again"].append({**one, "quiet": tree.quiet})
            tree.forget(quiet * 2 ** (attempt + 1))


def main(task: Path, answer: Path) -> int:
    """The program."""
    parent = os.getppid()
    die_with_parent()
    if os.getppid() != parent:
        return 1
    told: Mapping[str, Any] = json.loads(task.read_text(encoding="utf-8"))
    random.seed(told["seed"])
    alerts = {int(code): name for code, name in told["alerts"].items()}

    def to(address: tuple[str, int]) -> Any:
        credentials = Credentials(told)
        rest = (told["profile"], told["points"], alerts, credentials, told["patience"])
        return lambda: Connection(address, *rest)

    began = time.monotonic()
    tree = Tree(
        [to((host, port)) for host, port in told["addresses"]],
        told["alphabet"],
        told["quiet"],
        told["pace"],
        told["limit"],
        began + told["time"],
    )
    result: dict[str, Any] = {"states": [], "differing": [], "begun_again": [], "spent": False}
    try:
        learn(tree, list(told["alphabet"]), result, told["quiet"])
    except Spent:
        result.update(states=[], spent=True)
    except (OSError, ValueError) as problem:
        print(f"learner: {problem}", file=sys.stderr)
        return 1
    result.update(
        connections=tree.connections,
        messages=tree.messages,
        quiet=tree.quiet,
        seconds=round(time.monotonic() - began, 1),
    )
    answer.write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
