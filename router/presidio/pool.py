"""Processes that run Presidio, kept alive: who dies is started again, ever more slowly."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from policies.pii.found import Found
from router.presidio.process import COMMAND, AnalyzerProcess, Died, NotRead, Raised
from router.presidio.spec import Spec, Unusable

_LOG: Final = logging.getLogger("turnout")
HANGS_AFTER: Final = 10.0  # seconds that a piece may take, at the very most
_YOUNG_SECONDS: Final = 10.0  # who dies younger is not replaced at once
_FIRST_REST, _LONGEST_REST = 0.5, 30.0
_DOWN: Final = (
    "a process of Presidio is down and is replaced; meanwhile what it would read counts as private"
)


class Pool:
    """`count` processes. Whoever asks more than that at once, or while some are down, is told that
    nothing was read.
    """

    def __init__(
        self,
        spec: Spec,
        count: int = 1,
        *,
        command: Sequence[str] = COMMAND,
        hangs_after: float = HANGS_AFTER,
    ) -> None:
        self._start = partial(AnalyzerProcess.start, spec, command)
        self._count = count
        self._hangs_after = hangs_after
        self._free: set[AnalyzerProcess] = set()
        self._living: set[AnalyzerProcess] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._raised: set[str] = set()
        self.deaths = 0

    @property
    def living(self) -> int:
        """How many are up."""
        return len(self._living)

    async def start(self) -> None:
        """Start them all. Raises Unusable where one does not come up."""
        starts = [asyncio.create_task(self._start()) for _ in range(self._count)]
        results = await asyncio.gather(*starts, return_exceptions=True)
        failed = [result for result in results if isinstance(result, BaseException)]
        for result in results:
            if isinstance(result, AnalyzerProcess):
                self._living.add(result)
        if failed:
            await self.close()
            if isinstance(failed[0], Unusable):
                raise Unusable(f"detectors.presidio: {failed[0]}")
            raise failed[0]
        self._free |= self._living
        self._keepers = [asyncio.create_task(self._keep(each)) for each in tuple(self._living)]

    async def close(self) -> None:
        """End them all."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(process.end() for process in self._living))
        self._living.clear()
        self._free.clear()

    async def ask(self, texts: Sequence[str]) -> list[list[Found]]:
        """Return what each text holds. Raises NotRead, Died where a process ended at these. Whoever
        cancels it costs a process: it cannot be asked again before it has answered.
        """
        if not self._free:
            raise NotRead("none is free")
        process = self._free.pop()
        try:
            async with asyncio.timeout(self._hangs_after):
                found = await process.ask(texts)
        except Raised as error:
            self._free.add(process)
            self._tell(str(error))
            raise
        except TimeoutError:
            process.kill()
            raise Died("it hung") from None
        except BaseException:
            process.kill()
            raise
        self._free.add(process)
        return found

    def _tell(self, error: str) -> None:
        """Say once of each class of errors that it came: what it says may quote what was read."""
        if error not in self._raised:
            self._raised.add(error)
            _LOG.warning("Presidio could not read a text, which counts as private",
                         extra={"raised": error})  # fmt: skip

    async def _keep(self, process: AnalyzerProcess) -> None:
        """See to it that there is a process in the place of this one, until cancelled."""
        now: Callable[[], float] = asyncio.get_running_loop().time
        rest, told, began = 0.0, False, now()
        there: AnalyzerProcess | str = process
        while True:
            why = there if isinstance(there, str) else await self._end_of(there)
            old = now() - began > _YOUNG_SECONDS and not isinstance(there, str)
            if old or not told:
                _LOG.error(_DOWN, extra={"why": why})
                told = True
            rest = _FIRST_REST if old or not rest else min(rest * 2, _LONGEST_REST)
            await asyncio.sleep(rest)
            began = now()
            there = await self._another()

    async def _end_of(self, process: AnalyzerProcess) -> str:
        """Wait until it has ended, and return how."""
        status = await process.over()
        self.deaths += 1
        self._living.discard(process)
        self._free.discard(process)
        return f"ended with {status}"

    async def _another(self) -> AnalyzerProcess | str:
        """Start one, or say why it does not start."""
        try:
            process = await self._start()
        except (Unusable, OSError) as error:
            return str(error)
        self._living.add(process)
        self._free.add(process)
        return process
