"""Both transports: every promise of a backend is kept over each of them."""

from collections.abc import Callable
from typing import Final

from router.backends.transport.aiohttp_transport import AiohttpTransport
from router.backends.transport.httptools_transport import HttptoolsTransport
from router.backends.transport.transport import Transport

NewTransport = Callable[..., Transport]
TRANSPORTS: Final[dict[str, NewTransport]] = {
    "aiohttp": AiohttpTransport,
    "httptools": HttptoolsTransport,
}
