"""One process that runs Presidio: started, asked a frame at a time, ended."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from policies.pii.found import Found
from router.presidio.frames import frame, receive
from router.presidio.spec import Spec, Unusable
from router.presidio.worker import FAILED, RAISED, READY
from router.settings import environment

# -P: a module of that name in the working folder is none of ours.
COMMAND: Final = (sys.executable, "-P", "-m", "router.presidio.analyzer")
STARTS_IN: Final = 180.0  # seconds: large models take long to load
_ENDS_IN: Final = 2.0
_SAID: Final = 2_000  # bytes of what a process says before it ends without being ready
# What it inherits: the gateway's environment holds credentials, and it needs none of them.
_INHERITED: Final = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV"}
)
_FAMILIES: Final = ("CUDA_", "NVIDIA_", "HF_HOME", "HF_HUB_CACHE")
_SETTINGS: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",  # a process, a core: the operator says how many
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PIP_NO_INDEX": "1",  # spaCy would install a model by it
}


class NotRead(Exception):
    """A text was not read, and counts as private. The message names no text."""


class Died(NotRead):
    """The process ended at this text, or hung."""


class Raised(NotRead):
    """An error met the reader at this text; its process is fit for the next."""


class AnalyzerProcess:
    """A living process. It is asked by one at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._words: asyncio.Task[bytes] | None = None

    @classmethod
    async def start(cls, spec: Spec, command: Sequence[str] = COMMAND) -> Self:
        """Start one and wait until it has loaded its models. Raises Unusable, with its words."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment_of(spec)
        )
        started = cls(process)
        try:
            async with asyncio.timeout(STARTS_IN):
                await started._load(spec)
        except BaseException as error:
            await started.end()
            if isinstance(error, TimeoutError):
                raise Unusable(f"it was not ready within {STARTS_IN:.0f} s") from None
            raise
        return started

    async def ask(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return what each text holds. Raises Died, or Raised."""
        answer = await self._answer_to(list(texts))
        if isinstance(answer, dict):
            raise Raised(str(answer.get(RAISED)))
        return [[Found(*one) for one in each] for each in answer]

    async def over(self) -> int:
        """Wait until it has ended, and return its status."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it: at once where it does not end by itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_IN):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _load(self, spec: Spec) -> None:
        told = {name: getattr(spec, name) for name in Spec.__slots__}
        if self._process.stderr is not None:
            self._words = asyncio.create_task(_last_words(self._process.stderr))
        try:
            answer = await self._answer_to(told)
        except NotRead:
            words = b"" if self._words is None else await self._words
            status = await self._process.wait()
            last = words.decode("utf-8", "replace").strip().rpartition("\n")[2]
            raise Unusable(f"its process ended with {status}: {last}") from None
        if not isinstance(answer, dict) or not answer.get(READY):
            raise Unusable(str(answer.get(FAILED) if isinstance(answer, dict) else answer))

    async def _answer_to(self, value: Any) -> Any:
        given, answers = self._process.stdin, self._process.stdout
        if given is None or answers is None:
            raise Died("it has no pipes")
        try:
            given.write(frame(value))
            await given.drain()
            return await receive(answers)
        except (EOFError, OSError):
            raise Died("its process ended") from None


async def _last_words(errors: asyncio.StreamReader) -> bytes:
    """What it said at last; nothing more, once it reads texts."""
    last = b""
    while said := await errors.read(_SAID):
        last = (last + said)[-_SAID:]
    return last


def environment_of(spec: Spec) -> dict[str, str]:
    """Return the environment of a process: no secret of the gateway's, nothing to download by."""
    inherited = {
        name: value
        for name, value in environment().items()
        if name in _INHERITED or name.startswith(_FAMILIES)
    }
    return {**inherited, **_SETTINGS, "PRESIDIO_DEVICE": spec.device}
