"""The process that reads texts: told once what to load, then asked again and again.

It reads what strangers wrote, with libraries that were made for other things. So it keeps to
itself: it opens no connection (libraries would fetch models and lists), says nothing on its
standard streams once it reads texts, leaves no core, and gives way to the gateway where both want
the processor. It ends when the gateway does, since its pipe ends then.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from router.presidio.frames import frame, read_frame
from router.presidio.spec import Spec, Unusable

# Of each text what was found: from where, to where, of which kind.
Analyze = Callable[[Sequence[str]], list[list[tuple[int, int, str]]]]
Load = Callable[[Spec], Analyze]
READY: Final = "ready"
FAILED: Final = "failed"
RAISED: Final = "raised"
_NICE: Final = 5
_PR_SET_DUMPABLE: Final = 4
_CONNECTS: Final = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}
)


def serve(load: Load) -> None:
    """Load what the first frame asks for, say whether that worked, then read the texts of each
    frame and answer what was found, until the pipe ends. An analysis that raises is answered by the
    name of the error's class: its text may quote what was read.
    """
    asked, answers = _own_pipes()
    _keep_to_itself()
    try:
        analyze = load(_spec(read_frame(asked)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 # whatever: nobody's text was read yet
        why = str(error) if isinstance(error, Unusable) else f"{type(error).__name__}: {error}"
        _say(answers, {FAILED: why})
        return
    _silence(2)
    _say(answers, {READY: True})
    try:
        while True:
            _say(answers, _answer(analyze, read_frame(asked)))
    except (EOFError, BrokenPipeError):
        return


def _answer(analyze: Analyze, texts: Sequence[str]) -> Any:
    try:
        return analyze(texts)
    except Exception as error:  # noqa: BLE001 # one text, of any kind of trouble
        return {RAISED: type(error).__name__}


def _spec(told: dict[str, Any]) -> Spec:
    return Spec(**{**told, "entities": tuple(told["entities"])})


def _say(answers: BinaryIO, value: Any) -> None:
    answers.write(frame(value))
    answers.flush()


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes; what libraries print goes elsewhere, and they are asked nothing."""
    asked, answers = os.dup(0), os.dup(1)
    _silence(0)
    _silence(1)
    return os.fdopen(asked, "rb"), os.fdopen(answers, "wb")


def _silence(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)


def _keep_to_itself() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # where a program takes cores in, that limit does not count
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    sys.addaudithook(_no_connection)


def _no_connection(event: str, _: tuple[Any, ...]) -> None:
    if event in _CONNECTS:
        raise PermissionError("what Presidio needs is installed beforehand: nothing is downloaded")
