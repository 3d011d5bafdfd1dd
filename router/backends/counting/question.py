"""The call that asks a server for the size of what another call would ask its model."""

from dataclasses import replace
from typing import Final

from router.ask import Ask
from router.backends.backend import Backend, Deployment, Timeouts
from router.backends.counting.table import Counting
from router.backends.dialects.base import Asking
from router.backends.dialects.translated import Translation
from router.backends.transport.transport import HttpCall
from router.protocols.beside import json_of
from router.protocols.tolerant_json import loads

_PATIENCE: Final = Timeouts(connect=2.0, first_byte=3.0, between_chunks=3.0, total=5.0)


def question(
    way: Counting, deployment: Deployment, backend: Backend, ask: Ask, request_id: str
) -> HttpCall:
    """The call; natively where the way has the client's words, else translated.

    Raises Unsupported where the server cannot be told of the request.
    """
    call = _asking(way, ask).call(deployment, backend, ask, request_id)
    body = {name: held for name, held in loads(call.whole_body()).items() if name not in way.beside}
    path, mark, query = call.target.url.partition("?")
    return replace(
        call,
        target=call.target._replace(url=f"{way.place(path)}{mark}{query}"),
        body=json_of(way.shaped(body, backend), len(ask.raw)),
        timeouts=_PATIENCE,
    )


def _asking(way: Counting, ask: Ask) -> Asking:
    speaker = way.speaker
    if ask.protocol in speaker.speaks and isinstance(speaker, Asking):
        return speaker
    return Translation(speaker, ask)
