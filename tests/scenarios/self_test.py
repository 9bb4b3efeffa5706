#!/usr/bin/env python3
"""Shows that run.py fails where it has to: python3 self_test.py -- COMMAND ARGUMENTS..., as for run.py."""

import copy
import sys

from run import Adapter, run

RIGHT = {
    "story": "The first request waits.",
    "promises": [1],
    "given": {},
    "steps": [
        {"request": "a", "expect": {"starts": "first", "waits": True}},
        {"endpoint_answers": {"status": 503},
         "expect": {"exchange_fails": {"kind": "unavailable", "next_try_in": "drawn 0.8s..1s"}}},
    ],
    "expected": {"exchanges": 1},
}
# What is put where, and what the failure says.
WRONG = [
    (["steps", 0, "expect"], {"starts": "first", "wait": True}, "unknown: wait"),
    (["steps", 0, "expect"], {"starts": "first", "fails": {"knd": "timeout"}}, "unknown: knd"),
    (["steps", 0, "expect"], {"starts": "first", "callers": {"a": {"waiting": True}}}, "unknown: waiting"),
    (["steps", 0, "expect"], {"waits": True}, "starts: expected []"),
    (["steps", 0, "expect"], {"starts": "expired"}, "expected ['expired']"),
    (["steps", 0, "expect"], {"starts": "first", "sends": "t1"}, "{'sends': 't1'}, came {'waits': True}"),
    (["steps", 0, "expect"], {"starts": "first", "callers": {"b": {"waits": True}}}, "came None"),
    (["steps", 0, "expect"], {"starts": "first", "exchanges": "2..3"}, "expected '2..3', came 1"),
    (["steps", 0, "expect"], {"starts": "first", "exchanges_for": {"first": 2}}, "expected 2, came 1"),
    (["steps", 0, "expect"], {"starts": "first", "expires_in": "1h"}, "expected '1h', came None"),
    (["steps", 0, "expect"], {"starts": "first", "token": "t1"}, "expected 't1', came 'none'"),
    (["steps", 0], {"request": "a", "exchange_vanishes": True}, "more than one event"),
    (["steps", 0], {"request": "a", "sleeps": "1s"}, "unknown: sleeps"),
    (["steps", 0], {"at": "5"}, "neither does nor expects"),
    (["steps", 0], {"at": "5", "request": "a"}, "no span of time"),
    (["steps", 0], {"request": "$name"}, "no example gives a value"),
    (["steps", 1], {"after": "1s", "at": "1s", "expect": {"failed": 0}}, "either `at` or `after`"),
    (["steps", 1], {"at": "1s", "repeat": {"every": "1s", "times": 2, "steps": [{"after": "2s", "request": "a"}]}},
     "longer than the round"),
    (["steps", 1], {"exchange_vanishes": True, "exchange": 2}, "the adapter: exchange 2 has not begun"),
    (["steps", 1], {"endpoint_answers": {"state": 503}}, "unknown: state"),
    (["steps", 1, "expect", "exchange_fails"], {"kind": "refused"}, "expected 'refused', came 'unavailable'"),
    (["steps", 1, "expect", "exchange_fails"], {"next_try_in": "2s..3s"}, "next_try_in: expected '2s..3s'"),
    (["steps", 1, "expect", "exchange_fails"], {"next_try_in": "drawn 0s..1s"}, "in all runs in one part"),
    (["steps", 1, "expect"], {"brings": "t1"}, "brings: expected 't1', came None"),
    (["given"], {"tokens": "t1"}, "unknown: tokens"),
    (["given"], {"jwts": {"t1": {"claim": {}}}}, "unknown: claim"),
    (["expected"], {"exchanges": 2}, "exchanges: expected 2, came 1"),
    (["expected"], {"waits": True}, "no caller"),
    (["story"], "no full stop", "no line"),
    (["promises"], [], "some of 1 to 20"),
    (["promises"], [21], "some of 1 to 20"),
]


def main(arguments):
    adapter = Adapter(arguments[arguments.index("--") + 1:])
    assert run(RIGHT, adapter) == [], run(RIGHT, adapter)
    for place, value, why in WRONG:
        outline = copy.deepcopy(RIGHT)
        part = outline
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = value
        failures = run(outline, adapter)
        assert failures and why in failures[0], f"{value}: {why!r} is not in {failures}"
    adapter.close()
    print(f"{len(WRONG)} wrong scenarios fail")


if __name__ == "__main__":
    main(sys.argv[1:])
