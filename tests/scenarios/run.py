#!/usr/bin/env python3
"""Runs the scenarios of this directory against an implementation.

    python3 run.py [FILE.json ...] -- COMMAND ARGUMENTS...

COMMAND is an adapter: README.md, "The adapter". Exit code 1: a scenario failed, or there was none.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from scenario import (
    BY_REASON, COUNTS, EQUAL, FILE, MS, OF_CALLER, OF_STEP, RANGES, SCENARIO, TOLD, Scenario, Wrong, in_ms, is_counted,
    is_in_range, known, shift, span)

RUNS = 16  # each time with other draws


class Adapter:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def ask(self, line):
        self.tell(line)
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                reply = json.loads(line)
                if "error" in reply:
                    raise Wrong(f"the adapter: {reply['error']}")
                return reply
        sys.exit("the adapter ended")

    def close(self):
        self.process.communicate()
        if self.process.returncode:
            sys.exit(f"the adapter ended with {self.process.returncode}")


class Run:
    def __init__(self, scenario, adapter, draws):
        self.scenario, self.adapter, self.draws = scenario, adapter, draws
        self.now, self.reply, self.number = 0, None, 0

    def look(self):
        """The last reply; if the last step had none, asks for what is to be seen now."""
        if self.reply is None:
            self.pass_until(self.now)
        return self.reply

    def pass_until(self, moment):
        self.now = moment
        self.reply = self.adapter.ask(f'{{"at_ms": {in_ms(moment)}}}')

    def moment_of(self, step):
        if "after" in step:
            if "at" in step:
                raise Wrong("a step has either `at` or `after`")
            return self.now + span(step["after"])
        at = step.get("at")
        if at is None:
            return self.now
        if not at.startswith("next_try"):
            return span(at)
        if (next_try := self.look()["next_try_in"]) is None:
            raise Wrong("there is no next try")
        later = at.removeprefix("next_try").replace(" ", "")
        return self.now + round(next_try * MS) + (shift(later) if later else 0)

    def play(self, step):
        moment = self.moment_of(step.source)
        if moment < self.now:
            raise Wrong(f"{in_ms(moment)} ms is over: it is {in_ms(self.now)} ms")
        self.now = moment
        line = f'{{"at_ms": {in_ms(moment)}{", " if step.message != "}" else ""}{step.message}'
        if step.repeated and not step.expect:  # nobody looks
            self.reply = self.adapter.tell(line[:-1] + ', "unanswered": true}')
        else:
            self.reply = self.adapter.ask(line)
        for number in range(step.rounds.get("times", 0)):
            for it in step.steps:
                try:
                    self.play(it)
                except Wrong as error:
                    raise Wrong(f"round {number + 1}: {error}") from error
            end = moment + span(step.rounds["every"]) * (number + 1)
            if self.now > end:
                raise Wrong("the steps of a round take longer than the round")
            self.now = end
            self.reply = self.adapter.tell(f'{{"at_ms": {in_ms(end)}, "unanswered": true}}')
        if step.expect or not step.repeated and not step.rounds:
            silent = not step.repeated and not step.rounds
            self.check(step.expect or {}, self.look(), step.caller, silent)

    def check(self, expect, reply, caller, silent=False):
        found = []

        def hold(what, expected, came, holds=None):
            if not (expected == came if holds is None else holds):
                found.append(f"{what}: expected {expected!r}, came {came!r}")

        def failure(what, expected, came):
            for name, value in expected.items():
                of, is_span = came.get(name), name in ("age", "next_try_in")
                what_of = f"{what}: {name}"
                hold(what_of, value, of, is_in_range(value, of, self.placed(what_of), self.draws) if is_span else None)

        def one(who, expected):
            did = reply["callers"].get(who)
            for name, value in expected.items():
                came = self.named((did or {}).get(name))
                if name == "fails" and came is not None:
                    failure(who, value, came)
                else:
                    hold(who, {name: value}, did, came == value)

        own = {name: value for name, value in expect.items() if name in OF_CALLER}
        if own and caller is None:
            raise Wrong("this step has no caller: use `callers`")
        one(caller, own)
        for who, expected in expect.get("callers", {}).items():
            one(who, expected)
        if silent or "starts" in expect:
            hold("starts", [expect["starts"]] if "starts" in expect else [], reply["starts"])
        for name, value in expect.items():
            if name in TOLD - reply.keys():
                raise Wrong(f"the adapter does not tell {name!r}")
            came = self.named(reply.get(name))
            if name == "shows":
                hold(name, [value], came)
            elif name == "exchange_fails":
                failure(name, value, came) if came else hold(name, value, came)
            elif name in EQUAL:
                hold(name, value, came)
            elif name in RANGES:
                hold(name, value, came, is_in_range(value, came, self.placed(name), self.draws))
            elif name in COUNTS:
                hold(name, value, came, is_counted(value, came))
            for reason, count in value.items() if name in BY_REASON else ():
                hold(f"{name}: {reason}", count, came.get(reason), is_counted(count, came.get(reason)))
        if found:
            raise Wrong("\n      ".join(found))

    def placed(self, what):
        """Two steps that are each always the same do not fill a range together."""
        return f"step {self.number}, {what}"

    def named(self, came):
        """A JWT by its name."""
        return self.scenario.names.get(came, came) if isinstance(came, str) else came


def run_once(scenario, adapter, seed, draws):
    run = Run(scenario, adapter, draws)
    run.reply = adapter.ask(json.dumps({"given": scenario.given, "seed": seed}))
    for number, step in enumerate(scenario.steps, 1):
        run.number = number
        try:
            run.play(step)
        except Wrong as error:
            raise Wrong(f"step {number} {json.dumps(step.source)}\n      {error}") from error
    now = {"starts": [], "shows": []} | {name: it for name, it in run.look().items() if name not in OF_STEP}
    run.check(scenario.expected, now, None)


def is_filled(draws):
    for (what, first, last), values in draws.items():
        third = (last - first) / 3
        if min(values) > first + third or max(values) < last - third:
            raise Wrong(f"{what}: in all runs in one part of {in_ms(first)}..{in_ms(last)} ms")


def run(outline, adapter):
    """Runs a scenario with all its examples and draws; returns what is wrong."""
    failures = []
    for example in outline.get("examples") or [{}]:
        seed, draws = None, {}
        try:
            known(outline, SCENARIO, "a scenario")
            if len(outline["story"]) > 140 or not re.fullmatch(r".*\.", outline["story"]):
                raise Wrong("its story is no line that ends with a full stop")
            if not outline["promises"] or not set(outline["promises"]) <= set(range(1, 21)):
                raise Wrong(f"promises: expected some of 1 to 20, came {outline['promises']}")
            scenario = Scenario(outline, example)
            for seed in range(RUNS):
                run_once(scenario, adapter, seed, draws)
            seed = None
            is_filled(draws)
        except Wrong as error:
            of = f"    example {json.dumps(example)}\n" if example else ""
            failures.append(f"{of}    {'' if seed is None else f'seed {seed}, '}{error}")
    return failures


def main(arguments):
    if "--" not in arguments[:-1]:
        sys.exit(__doc__)
    split = arguments.index("--")
    adapter, begun, stories, failed = Adapter(arguments[split + 1:]), time.monotonic(), set(), 0
    for path in map(Path, arguments[:split] or sorted(Path(__file__).parent.glob("*.json"))):
        file = known(json.loads(path.read_text()), FILE, path.name)
        for outline in file["scenarios"]:
            failures = run(outline, adapter)
            if outline["story"] in stories:
                failures.append("    it is told twice")
            stories.add(outline["story"])
            failed += bool(failures)
            for failure in failures:
                print(f"{path.name}: {outline['story']}\n{failure}\n")
    adapter.close()
    print(f"{len(stories)} scenarios, {failed} failed, {time.monotonic() - begun:.0f} s")
    return 1 if failed or not stories else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
