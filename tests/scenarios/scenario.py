"""Reads a scenario: README.md has the format.

Every member is known by name; anything else is an error. What a step sends to the adapter is made here.
"""

import base64
import hashlib
import hmac
import json
import re

MS = 1_000_000  # all spans are nanoseconds here
UNITS = {"ms": MS, "s": 1000 * MS, "m": 60_000 * MS, "h": 3_600_000 * MS, "d": 86_400_000 * MS, "y": 31_557_600_000 * MS}
WALL_CLOCK = 1_800_000_000

FILE = {"theme", "scenarios"}
SCENARIO = {"story", "promises", "given", "steps", "expected", "examples"}
GIVEN_SPANS = {"lives_for", "default_lifetime", "exchange_timeout", "uptime"}
GIVEN = GIVEN_SPANS | {
    "scheme", "token", "refresh_token", "fixed_token", "credentials", "wall_clock", "jwts", "doubted_statuses"}
JWT = {"claims", "alg", "signed_with", "padding"}
EVENTS = {
    "request", "endpoint_answers", "endpoint_fails", "exchange_vanishes", "endpoint_from_now_on", "api_answers",
    "suspended_for", "wall_clock_moves", "credentials_change", "operator_says", "repeat"}
STEP = EVENTS | {"at", "after", "note", "expect", "replayable", "exchange"}
REPEAT = {"every", "times", "steps"}
ANSWER = {"status", "headers", "body", "text"}
STANDING = {"takes", "answer"}
API_ANSWER = {"to", "status", "headers"}
FAILS = {"kind", "status", "code", "age", "next_try_in"}
OF_CALLER = {"sends", "sends_again", "waits", "fails", "gets_401", "gets_doubted", "gets"}
OF_STEP = {"starts", "shows", "brings", "asks_again", "exchange_fails", "ignored", "adopts", "does_not_adopt"}
EQUAL = OF_STEP - {"starts", "shows", "exchange_fails"} | {"state", "token", "under_way", "refresh_token"}
RANGES = {"expires_in", "next_try_in", "failing_for"}
COUNTS = {
    "failures", "budget", "waiting", "exchanges", "succeeded", "failed", "vanished", "same_token",
    "refresh_tokens_spent", "refusals", "refusals_over_budget", "doubts", "successors_adopted", "reloads",
    "requests_failed", "requests_given_401"}
BY_REASON = {"exchanges_for", "successors_not_adopted"}
TOLD = {"state", "token", "under_way", "refresh_token"} | RANGES | COUNTS | BY_REASON  # after every step
EXPECT = OF_CALLER | OF_STEP | TOLD | {"callers"}


class Wrong(Exception):
    """A scenario that is mistyped, or that failed."""


# ===== units =====

def span(text):
    parts = re.findall(r"([0-9.]+)(ms|[smhdy])(?![a-z])", text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise Wrong(f"{text!r} is no span of time, such as 1h 30m or 250ms")
    return round(sum(float(number) * UNITS[unit] for number, unit in parts))


def shift(text):
    if text[:1] not in ("+", "-"):
        raise Wrong(f"{text!r} has no sign")
    return span(text[1:].strip()) * (1 if text[0] == "+" else -1)


def in_ms(nanos):
    return nanos // MS if nanos % MS == 0 else nanos / MS


def is_in_range(text, came, what, draws):
    """`came` is in milliseconds, or None."""
    if text == "none" or came is None:
        return text == "none" and came is None
    ends = text.removeprefix("drawn ").split("..")
    first, last, came = span(ends[0]), span(ends[-1]), round(came * MS)
    if text.startswith("drawn "):
        draws.setdefault((what, first, last), []).append(came)
    return first - MS <= came <= last + MS


def is_counted(expected, came):
    if isinstance(expected, int):
        return came == expected
    ends = re.fullmatch(r"(\d+)\.\.(\d+)", str(expected))
    if not ends:
        raise Wrong(f'{expected!r} is neither a number nor a range such as "5..6"')
    return came is not None and int(ends[1]) <= came <= int(ends[2])


# ===== reading a scenario =====

def filled_in(template, example):
    """Puts the values of an example where `$name` stands."""
    if isinstance(template, list):
        return [filled_in(value, example) for value in template]
    if isinstance(template, dict):
        members = {filled_in(name, example): filled_in(value, example) for name, value in template.items()}
        return {name: value for name, value in members.items() if value is not None}
    if not isinstance(template, str):
        return template
    if template[:1] == "$" and template[1:] in example:
        return example[template[1:]]
    for name in sorted(example, key=len, reverse=True):
        value = example[name]
        template = template.replace(f"${name}", value if isinstance(value, str) else json.dumps(value))
    if re.search(r"\$[a-z]", template):
        raise Wrong(f"{template!r}: no example gives a value for that")
    return template


def known(members, names, what):
    if not isinstance(members, dict):
        raise Wrong(f"{what} is no object: {members!r}")
    if unknown := sorted(members.keys() - names):
        raise Wrong(f"{what}: unknown: {', '.join(unknown)}")
    return members


def jwt(it):
    claims = dict(known(it, JWT, "a JWT")["claims"])
    for name in ("iat", "exp"):
        if isinstance(text := claims.get(name), str):
            offset = shift(text if text[:1] in ("+", "-") else f"+{text}")
            claims[name] = WALL_CLOCK + int(offset / UNITS["s"])
    if "padding" in it:
        claims["padding"] = "x" * it["padding"]
    encoded = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    alg = it.get("alg", "HS256")
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": alg, "typ": "JWT"}, claims))
    digest = hashlib.sha512 if alg == "HS512" else hashlib.sha256
    return f"{signed}.{encoded(hmac.digest(it.get('signed_with', 'secret').encode(), signed.encode(), digest))}"


class Step:
    """A step as it is sent: the spans in milliseconds, the texts of JWTs for their names."""

    def __init__(self, step, jwts, repeated=False):
        self.source, self.repeated = known(step, STEP, "a step"), repeated
        self.expect, self.caller = step.get("expect"), step.get("request")
        events = EVENTS & step.keys()
        if len(events) > 1:
            raise Wrong("it is more than one event")
        check_names(self.expect or {}, "expect")
        message = {name: step[name] for name in step.keys() & STEP - {"at", "after", "note", "expect", "repeat"}}
        text = lambda value: with_jwts(value, jwts)
        if answer := step.get("endpoint_answers"):
            message["endpoint_answers"] = text(known(answer, ANSWER, "endpoint_answers"))
        if standing := step.get("endpoint_from_now_on"):
            answer = known(known(standing, STANDING, "endpoint_from_now_on")["answer"], ANSWER, "an answer")
            message["endpoint_from_now_on"] = {"takes": in_ms(span(standing["takes"])), "answer": text(answer)}
        if answer := step.get("api_answers"):
            headers = text(answer.get("headers", {}))
            message["api_answers"] = {**known(answer, API_ANSWER, "api_answers"), "headers": headers}
            self.caller = answer["to"]
            if repeated:
                message["if_sent"] = True
        if "suspended_for" in step:
            message["suspended_for"] = in_ms(span(step["suspended_for"]))
        if "wall_clock_moves" in step:
            message["wall_clock_moves"] = in_ms(shift(step["wall_clock_moves"]))
        self.message = json.dumps(message)[1:]  # `at_ms` will stand before it
        self.rounds = known(step.get("repeat", {}), REPEAT, "repeat")
        self.steps = [Step(it, jwts, True) for it in self.rounds.get("steps", [])]
        self.expects = bool(self.expect) or any(it.expects for it in self.steps)
        if not events and not self.expects:
            raise Wrong("it neither does nor expects anything")


def with_jwts(value, jwts):
    if isinstance(value, dict):
        return {name: it if name == "text" else with_jwts(it, jwts) for name, it in value.items()}
    if isinstance(value, list):
        return [with_jwts(it, jwts) for it in value]
    return " ".join(jwts.get(word, word) for word in value.split(" ")) if isinstance(value, str) else value


def check_names(expect, what):
    for name, value in known(expect, EXPECT, what).items():
        if name in ("fails", "exchange_fails"):
            known(value, FAILS, name)
        for caller in value.values() if name == "callers" else ():
            if "fails" in known(caller, OF_CALLER, "a caller"):
                known(caller["fails"], FAILS, "fails")


class Scenario:
    """A scenario with the values of one example."""

    def __init__(self, outline, example):
        given = known(filled_in(outline.get("given", {}), example), GIVEN, "given")
        jwts = {name: jwt(it) for name, it in given.pop("jwts", {}).items()}
        self.names = {text: name for name, text in jwts.items()}
        for name, value in given.items():
            if name in GIVEN_SPANS:
                given[name] = in_ms(span(value))
            elif name.endswith("token"):
                given[name] = jwts.get(value, value)
        self.given, self.steps = given, []
        for number, step in enumerate(outline["steps"], 1):
            try:
                self.steps.append(Step(filled_in(step, example), jwts))
            except Wrong as error:
                raise Wrong(f"step {number}: {error}") from error
        self.expected = filled_in(outline.get("expected", {}), example)
        check_names(self.expected, "expected")
        if not self.expected and not any(step.expects for step in self.steps):
            raise Wrong("it expects nothing")
