"""Runs of agents: which run a request is a part of, and how that run stands as far as we know.

A run is named by the client; in tiers with `per_run` its requests share a purse at the ledger. Who
names no run is under no limit of one. Understood are, the first that is there:

- `x-turnout-run-id`, and `metadata.run_id` of chats and responses;
- Claude Code's session: the header X-Claude-Code-Session-Id (from version 2.1.86 on), which its
  sub-agents share, or the session within `metadata.user_id` of messages
  (https://code.claude.com/docs/en/llm-gateway-protocol, https://github.com/coder/aibridge/pull/241);
- Codex' session: the header session_id, session-id since, conversation_id before. A sub-agent's
  thread names that which made it in x-codex-parent-thread-id
  (https://github.com/openai/codex, codex-rs/core). `prompt_cache_key` is no run: applications share
  one between unrelated requests.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from policies.headers import ASK_PARENT_RUN, ASK_RUN, ASK_RUN_BUDGET
from policies.language.tiers import Runs
from policies.money import PICO_PER_NANO, to_pico
from router.ask import Ask
from router.errors import BadRequest
from router.ledger.reserve_request import Run, RunLeft

TOLD_FROM: Final = 3  # equal requests of a run, from which on an answer says so
NOT_KNOWN: Final = RunLeft()
_LONGEST: Final = 64
_MOST_KNOWN: Final = 10_000
_SESSIONS: Final = ("x-claude-code-session-id", "session_id", "session-id", "conversation_id")
_PARENTS: Final = (ASK_PARENT_RUN, "x-codex-parent-thread-id")
_NAMES: Final = (ASK_RUN, ASK_RUN_BUDGET, *_PARENTS, *_SESSIONS)
_COUNT: Final = re.compile(r"[0-9]{1,15}")


class RunsKnown:
    """How runs stood at this gateway's last request of theirs: a bounded number, the newest."""

    def __init__(self) -> None:
        self.repeated = 0  # requests that were told to have come before
        self._left: OrderedDict[tuple[str, str], RunLeft] = OrderedDict()

    def note(self, organization: str, run: Run, left: RunLeft) -> None:
        """Remember how a run stands."""
        self.repeated += left.repeats >= TOLD_FROM
        self._left[organization, run.name] = left
        self._left.move_to_end((organization, run.name))
        if len(self._left) > _MOST_KNOWN:
            self._left.popitem(last=False)

    def left(self, organization: str, run: Run | None) -> RunLeft:
        """How a run stands; a new one as its parent, whose purse it shares."""
        if run is None:
            return NOT_KNOWN
        known = self._left.get((organization, run.name))
        if known is None and run.parent is not None:
            known = self._left.get((organization, run.parent))
        return known or NOT_KNOWN


def run_of(
    ask: Ask, header_values: Callable[[Iterable[str]], Mapping[str, str]], runs: Runs
) -> Run | None:
    """The run that a request names, None where it names none. Raises BadRequest for a wrong one."""
    headers = header_values(_NAMES)
    return _run(_named(ask, headers), headers, runs, ask.raw)


def run_of_headers(
    header_values: Callable[[Iterable[str]], Mapping[str, str]], runs: Runs
) -> Run | None:
    """The run that the headers of a batch name. Raises BadRequest for a wrong one."""
    headers = header_values(_NAMES)
    name = _named_in_headers(headers) or next(
        (headers[n] for n in _SESSIONS if headers.get(n)), None
    )
    return _run(name, headers, runs, b"")


def _run(name: str | None, headers: Mapping[str, str], runs: Runs, raw: bytes) -> Run | None:
    if name is None:
        if ASK_RUN_BUDGET in headers:
            raise _wrong(ASK_RUN_BUDGET, f"names no run: send {ASK_RUN}, too")
        return None
    parent = next((headers[header] for header in _PARENTS if headers.get(header)), None)
    return Run(
        kept_name(name),
        None if parent is None else kept_name(parent),
        _ceilings(headers.get(ASK_RUN_BUDGET, "")),
        runs.idle_ms,
        runs.most_open,
        raw,
    )


def _named_in_headers(headers: Mapping[str, str]) -> str | None:
    if ASK_RUN not in headers:
        return None
    name = headers[ASK_RUN].strip()
    if not name:
        raise _wrong(ASK_RUN, "must not be empty")
    return name


def _named(ask: Ask, headers: Mapping[str, str]) -> str | None:
    if (name := _named_in_headers(headers)) is not None:
        return name
    metadata: Any = ask.body.get("metadata")
    said = metadata.get("run_id") if isinstance(metadata, dict) else None
    if said is not None and not (isinstance(said, str) and said):
        raise BadRequest("metadata.run_id: must be a text", param="metadata.run_id")
    session = ask.session if ask.protocol == "messages" else None
    return said or next((headers[n] for n in _SESSIONS if headers.get(n)), None) or session


def kept_name(name: str) -> str:
    """A name as it is kept: what is long, or would not print, is a hash of itself."""
    if len(name) <= _LONGEST and name.isascii() and name.isprintable() and "/" not in name:
        return name
    return "#" + hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _ceilings(said: str) -> tuple[int, int, int]:
    """What a header lowers the purse to: requests, tokens, nano-USD; -1 where it does not."""
    ceilings = [-1, -1, -1]
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, mark, value = (each.strip() for each in part.partition("="))
        known = _CEILINGS.get(name)
        if not mark or known is None:
            raise _wrong(ASK_RUN_BUDGET, "must be such as `usd=0.5, tokens=100000, calls=50`")
        place, read = known
        try:
            ceilings[place] = read(value)
        except ValueError as error:
            raise _wrong(ASK_RUN_BUDGET, f"{name}: {error}") from None
    return ceilings[0], ceilings[1], ceilings[2]


def _count(said: str) -> int:
    if not _COUNT.fullmatch(said):
        raise ValueError("must be a whole number of at most 15 digits")
    return int(said)


_CEILINGS: Final[Mapping[str, tuple[int, Callable[[str], int]]]] = {
    "requests": (0, _count),
    "calls": (0, _count),
    "tokens": (1, _count),
    "usd": (2, lambda said: to_pico(said) // PICO_PER_NANO),
}


def _wrong(header: str, message: str) -> BadRequest:
    return BadRequest(f"{header}: {message}", param=header)
