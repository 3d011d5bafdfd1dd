"""Replicate's predictions API: where and with which headers it is asked.

A prediction is made and waited for in one exchange (`Prefer: wait`); one that takes longer is
cancelled by its deadline (`Cancel-After`) and counts as late, since asking for it again is another
exchange. A streamed answer is asked for whole and told in one piece.
"""

from typing import Final
from urllib.parse import quote

from router.backends.backend import Backend, Deployment
from router.backends.dialects.base import Failure
from router.backends.dialects.failure import read_failure
from router.backends.dialects.heading import target_of
from router.backends.transport.transport import HttpCall
from router.protocols.replicate import WAIT

_WAITS: Final = (("Prefer", f"wait={WAIT}"), ("Cancel-After", "1m"))


class Replicate:
    """The dialect of Replicate's predictions."""

    protocol = "replicate"
    speaks = frozenset[str]()
    stream_type = "application/json"

    def post(
        self,
        deployment: Deployment,
        backend: Backend,
        body: bytes,
        request_id: str,
        *,
        stream: bool,  # comes whole either way
    ) -> HttpCall:
        """POST {base_url}/models/{owner}/{name}/predictions."""
        path = f"/models/{quote(backend.model, safe='/')}/predictions"
        target = target_of(deployment, backend, path, also=_WAITS)
        return HttpCall(target, body, backend.timeouts, request_id)

    def failure(self, status: int, raw: bytes) -> Failure:
        """`{"title", "detail", "status"}`."""
        return read_failure(status, raw)
