"""What must be true of a ledger when a schedule is over and every lease has run out."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from ledgerkit import PRICE, Outside

from ledger_simulation.gateways import A_DAY, A_MINUTE, A_RUN, AT_ONCE, KEYS, RUNS, Book
from ledger_simulation.network import Server

_WINDOW_SECONDS = 60.0
PURSE = ("reqr", "tokr", "usdr")
_ROOTS = {name: parent or name for name, parent in RUNS}
Row = dict[str, str]


def broken(outside: Outside, book: Book, server: Server) -> list[str]:
    """Every promise that was broken, in words."""
    rows, scopes = outside.rows(), outside.scopes()
    return [
        *_settled_once(rows, book),
        *_billed(rows, book),
        *_over_admitted(rows, book, server),
        *_books(rows, scopes),
        *_held(outside, scopes),
    ]


def _settled_once(rows: list[Row], book: Book) -> Iterator[str]:
    times = Counter(row["hold_id"] for row in rows if row["seq"] == "0")
    corrected = Counter(row["hold_id"] for row in rows if row["seq"] == "1")
    for hold_id, count in (times + corrected).items():
        if times[hold_id] != 1 or corrected[hold_id] > 1:
            yield f"doubled: {hold_id} has {count} rows"
    for hold_id in book.admitted:
        if not times[hold_id]:
            yield f"lost: {hold_id} was admitted and has no row"
    for row in rows:
        if row["hold_id"] not in book.admitted and row["used"] != "0,0,0,0,0":
            yield f"unasked: {row['hold_id']} was billed and never admitted"


def _billed(rows: list[Row], book: Book) -> Iterator[str]:
    billed: dict[str, int] = defaultdict(int)
    for row in rows:
        billed[row["hold_id"]] += int(row["used"].split(",")[1])
    for hold_id, charge in book.used.items():
        used = charge.usage.input_tokens + charge.usage.output_tokens
        if billed[hold_id] != used:
            yield f"misbilled: {hold_id} used {used} tokens and is billed {billed[hold_id]}"


def _over_admitted(rows: list[Row], book: Book, server: Server) -> Iterator[str]:
    counted = {row["hold_id"] for row in rows if row["seq"] == "0" and row["used"][0] == "1"}
    by_key: dict[tuple[str, str], list[float]] = defaultdict(list)
    for hold_id, who in book.admitted.items():
        if hold_id in counted:
            by_key[who].append(server.admitted.get(hold_id, -1.0))
    for who, instants in by_key.items():
        instants.sort()
        for first, last in zip(instants, instants[A_MINUTE:], strict=False):
            if last - first < _WINDOW_SECONDS:
                yield f"over-admitted: {A_MINUTE + 1} of {who} within {last - first:.3f} s"
    by_organization = Counter(who[0] for who in book.admitted.values())
    for organization, count in by_organization.items():
        if count > A_DAY and sum(h in counted for h in book.admitted) > A_DAY * len(KEYS):
            yield f"over-admitted: {count} of {organization} a day"


def _books(rows: list[Row], scopes: dict[str, dict[str, tuple[int, ...]]]) -> Iterator[str]:
    requests: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    money: Counter[str] = Counter()
    spent: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    for row in rows:
        used = [int(number) for number in row["used"].split(",")]
        meta = row["meta"]
        (who,) = [
            (organization, key)
            for organization, key in KEYS
            if f'"{key}"' in meta and f'"{organization}"' in meta
        ]
        requests[f"o:{who[0]}"] += used[0]
        tokens[f"o:{who[0]}"] += used[1]
        money[f"k:{who[0]}/{who[1]}"] += used[4]
        for name, root in _ROOTS.items():
            if f'"run":"{name}"' in meta:
                purse = f"r:{who[0]}/{root}"
                spent[purse] = [a + b for a, b in zip(spent[purse], used, strict=True)]
    for scope, states in scopes.items():
        for place, metric, unit in (("reqr", 0, 1), ("tokr", 1, 1), ("usdr", 4, 1000)):
            if (
                place in states
                and states[place][0] * unit + states[place][2] != spent[scope][metric]
            ):
                yield f"drift: {scope} {place} {states[place]}, books {spent[scope][metric]}"
        for place, books, unit in (
            ("rpd", requests[scope], 1), ("tpd", tokens[scope], 1), ("usdm", money[scope], 1000),
        ):  # fmt: skip
            if place in states and _spent(states[place], unit) != books:
                yield f"drift: {scope} {place} counts {_spent(states[place], unit)}, books {books}"
            if place == "rpd" and place in states and states[place][2] > A_DAY:
                yield f"over-admitted: {scope} {states[place][2]} a day"


def _spent(state: tuple[int, ...], unit: int) -> int:
    """What a calendar state used, the window before included."""
    return (state[2] + state[8]) * unit + (state[6] + state[10] if unit > 1 else 0)


def _held(outside: Outside, scopes: dict[str, dict[str, tuple[int, ...]]]) -> Iterator[str]:
    if outside.open_leases():
        yield f"held: {outside.open_leases()} holds are open"
    for scope, states in scopes.items():
        for place, numbers in states.items():
            if place == "conc" and numbers != (0,):
                yield f"held: {scope} counts {numbers[0]} as open (of {AT_ONCE})"
            if place in PURSE and numbers[1]:
                yield f"held: {scope} {place} holds {numbers[1]}"
            if place == "reqr" and numbers[0] > A_RUN:
                yield f"over-admitted: {scope} {numbers[0]} a run"
            if place in {"rpd", "tpd", "usdm"} and (numbers[3] or numbers[9]):
                yield f"held: {scope} {place} holds {numbers[3]} and {numbers[9]}"
            if min(numbers[:4]) < 0:
                yield f"negative: {scope} {place} {numbers}"


assert PRICE % 1000 == 0  # whole nano-USD a token
