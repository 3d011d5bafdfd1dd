"""Probe prompts with answers that can be checked: what `turnout calibrate --backend` asks.

Five kinds, each from easy to hard, written for this project and made by rule from a fixed seed, so
that every backend is asked the same: arithmetic, extraction, JSON, code and multiple choice.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

_NAMES: Final = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines")
_THINGS: Final = ("lamps", "chairs", "bolts", "maps", "cups", "ropes", "tiles", "books", "seeds")
_CITIES: Final = ("Oslo", "Lima", "Turin", "Quito", "Kyoto", "Tunis", "Perth", "Basel", "Hanoi")
EACH: Final = 48  # probes of each kind


@dataclass(frozen=True, slots=True)
class Probe:
    """One question. `kind` names how its answer is checked, `expected` what it must be."""

    id: str
    kind: str
    text: str
    expected: Any


def probes(seed: int = 1) -> list[Probe]:
    """All probes, the kinds taking turns, so that a run cut short has seen something of each."""
    made = []
    for number in range(EACH):
        for kind, write in _WRITERS.items():
            text, expected = write(random.Random(f"{seed}/{kind}/{number}"), number)  # noqa: S311 - reproducible questions, no secret
            made.append(Probe(f"{kind}-{number:02}", kind, text, expected))
    return made


def _arithmetic(pick: random.Random, number: int) -> tuple[str, Any]:
    """Sums, then word problems with more and more steps."""
    steps, size = 1 + number // 8, 10 ** (1 + number % 3)
    if number % 2:
        terms = [pick.randint(2, size) for _ in range(steps + 1)]
        signs = [pick.choice("+-*") for _ in range(steps)]
        formula = str(terms[0]) + "".join(
            f" {sign} {term}" for sign, term in zip(signs, terms[1:], strict=True)
        )
        return f"What is {formula}? End with the number alone.", _value(terms, signs)
    who, what = pick.choice(_NAMES), pick.choice(_THINGS)
    total, story = pick.randint(20, 20 * size), []
    begin = total
    for _ in range(steps):
        amount = pick.randint(2, 19)
        if pick.random() < 0.5:
            total, turn = total + amount, f"buys {amount} more"
        else:
            total, turn = total * 2, "then doubles what there is"
        story.append(turn)
    asked = f"{who} has {begin} {what}. {who} {', '.join(story)}. How many {what} are there now?"
    return f"{asked} End with the number alone.", total


def _value(terms: list[int], signs: list[str]) -> int:
    """The value of a formula, multiplication first."""
    sums = [terms[0]]
    for sign, term in zip(signs, terms[1:], strict=True):
        if sign == "*":
            sums[-1] *= term
        else:
            sums.append(term if sign == "+" else -term)
    return sum(sums)


def _record(pick: random.Random) -> dict[str, Any]:
    return {
        "name": pick.choice(_NAMES),
        "city": pick.choice(_CITIES),
        "item": pick.choice(_THINGS),
        "count": pick.randint(2, 99),
        "order": f"{pick.choice('ABCDEF')}-{pick.randint(1000, 9999)}",
    }


def _sentence(record: Mapping[str, Any]) -> str:
    return (
        f"{record['name']} in {record['city']} ordered {record['count']} {record['item']} "
        f"(order {record['order']})."
    )


def _extraction(pick: random.Random, number: int) -> tuple[str, Any]:
    """Find one fact among more and more of them."""
    records = [_record(pick) for _ in range(2 + number // 3)]
    wanted = pick.choice(records)
    field = ("city", "order", "count")[number % 3]
    same = [one for one in records if all(one[key] == wanted[key] for key in ("name", "item"))]
    key = f"{wanted['name']}'s {wanted['item']}"
    if len(same) > 1:
        key = f"the order of {wanted['count']} {wanted['item']} by {wanted['name']}"
    asked = {"city": "Which city", "order": "Which order number", "count": "Which quantity"}[field]
    text = " ".join(map(_sentence, records))
    return (
        f"{text}\n\n{asked} belongs to {key}? Answer with that alone, nothing else.",
        str(wanted[field]),
    )


def _json(pick: random.Random, number: int) -> tuple[str, Any]:
    """Turn sentences into JSON; later ones must be filtered and sorted as well."""
    records = [_record(pick) for _ in range(1 + number // 6)]
    text = " ".join(map(_sentence, records))
    fields = ["name", "city", "count"]
    rows = [{field: one[field] for field in fields} for one in records]
    asked = "Write every order as an object with the keys name, city and count (a number)"
    if number % 3 == 2:
        rows = sorted((row for row in rows if row["count"] > 30), key=lambda row: row["count"])
        asked += ", only those with a count above 30, smallest count first"
    return f"{text}\n\n{asked}, in one JSON array. Answer with JSON alone.", rows


def _code(pick: random.Random, number: int) -> tuple[str, Any]:
    """Small Python functions, checked by running them."""
    name, task, cases = _TASKS[number % len(_TASKS)]
    shift = 2 * (number // len(_TASKS)) + pick.randint(1, 2)
    tests = [(json.loads(json.dumps(case)), answer(case, shift)) for case, answer in cases]
    asked = task.format(k=shift)
    return (
        f"Write a Python function `{name}` that {asked}. Answer with one code block, no examples.",
        {"function": name, "cases": tests},
    )


Case = tuple[Any, Callable[[Any, int], Any]]


def _cases(answer: Callable[[Any, int], Any], *arguments: Any) -> list[Case]:
    return [(argument, answer) for argument in arguments]


_LISTS: Final[tuple[list[int], ...]] = ([], [3], [4, -2, 9, 9, 0], list(range(-7, 12, 3)))
_TEXTS: Final = ("", "a", "Level up", "the cat and the hat and the bat")
_TASKS: Final[tuple[tuple[str, str, list[Case]], ...]] = (
    ("add", "takes a list of numbers and returns their sum plus {k}",
     _cases(lambda a, k: sum(a) + k, *_LISTS)),
    ("above", "takes a list of numbers and returns those greater than {k}, in order",
     _cases(lambda a, k: [n for n in a if n > k], *_LISTS)),
    ("shout", "takes a string and returns it in upper case followed by {k} exclamation marks",
     _cases(lambda a, k: a.upper() + "!" * k, *_TEXTS)),
    ("vowels", "takes a string and returns how many vowels (aeiou, any case) it has, times {k}",
     _cases(lambda a, k: k * sum(c in "aeiou" for c in a.lower()), *_TEXTS)),
    ("rotate", "takes a list and returns it rotated left by {k} places",
     _cases(lambda a, k: a[k % len(a):] + a[:k % len(a)] if a else [], *_LISTS)),
    ("distinct", "takes a list and returns its distinct values sorted, each multiplied by {k}",
     _cases(lambda a, k: [n * k for n in sorted(set(a))], *_LISTS)),
    ("longest", "takes a string and returns its longest word, the first if several are as long, "
     "or an empty string, repeated {k} times",
     _cases(lambda a, k: max(a.split(), key=len, default="") * k, *_TEXTS)),
    ("runs", "takes a list and returns a list of [value, length] for each run of equal neighbours, "
     "each length increased by {k}",
     _cases(lambda a, k: [[n, c + k] for n, c in _runs(a)], *_LISTS)),
    ("caesar", "takes a string and shifts every lower-case letter a-z by {k} places, wrapping "
     "around, and leaves everything else alone",
     _cases(lambda a, k: "".join(chr((ord(c) - 97 + k) % 26 + 97) if "a" <= c <= "z" else c
                                 for c in a), *_TEXTS)),
    ("digits", "takes a non-negative integer and returns the sum of its decimal digits plus {k}",
     _cases(lambda a, k: sum(map(int, str(a))) + k, 0, 7, 4096, 987654321)),
    ("best", "takes a list of integers and returns the largest sum of a contiguous non-empty part, "
     "or {k} for an empty list",
     _cases(lambda a, k: max((sum(a[i:j]) for i in range(len(a)) for j in range(i + 1, len(a) + 1)),
                             default=k), *_LISTS)),
    ("pairs", "takes a list of integers and returns how many pairs of positions i < j have values "
     "that add up to {k}",
     _cases(lambda a, k: sum(a[i] + a[j] == k for j in range(len(a)) for i in range(j)), *_LISTS)),
)  # fmt: skip


def _runs(values: list[Any]) -> list[list[Any]]:
    runs: list[list[Any]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return runs


def _choice(pick: random.Random, number: int) -> tuple[str, Any]:
    """Order, sets and calendar, with four options."""
    size = 3 + number // 8
    if number % 2:
        people = pick.sample(_NAMES, min(size, len(_NAMES)))
        clues = [f"{a} is taller than {b}." for a, b in pairwise(people)]
        pick.shuffle(clues)
        right = people[-1] if number % 4 == 1 else people[0]
        asked = "shortest" if number % 4 == 1 else "tallest"
        others = [one for one in _NAMES if one != right]
        text = f"{' '.join(clues)} Who is the {asked}?"
    else:
        days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
        start, ahead = pick.randrange(7), pick.randint(size, 12**size // 10 + 20)
        right = days[(start + ahead) % 7]
        others = [day for day in days if day != right]
        text = f"Today is {days[start]}. Which day is it in {ahead} days?"
    options = [right, *pick.sample(others, 3)]
    pick.shuffle(options)
    lines = [f"{letter}. {option}" for letter, option in zip("ABCD", options, strict=True)]
    ask = "Answer with the letter of the right option alone."
    return "\n".join([text, *lines, ask]), "ABCD"[options.index(right)]


_WRITERS: Final[Mapping[str, Callable[[random.Random, int], tuple[str, Any]]]] = {
    "arithmetic": _arithmetic,
    "extraction": _extraction,
    "json": _json,
    "code": _code,
    "choice": _choice,
}
