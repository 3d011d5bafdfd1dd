"""All of a request that leaves with it, as detectors of private data read it.

One rule for every operation: what leaves is the bytes of the body, so they are what is read: every
string and every key, tools, schemas, metadata, ids, what the gateway put in the place of a name (an
earlier response), the fields and file names of a form, and the headers that go on. LEFT_OUT says
what is not, and `policies.pii.media` what is no text.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.pii.media import is_text, without_media
from router.ask import Ask
from router.protocols.declared import Sending
from router.protocols.multipart import read_form

# Members of a body that are not read: a die is cast with up to twenty digits, as cards have them.
LEFT_OUT: Final = ("seed",)
_TYPE: Final = "content-type"


def leaving(ask: Ask) -> Iterable[bytes]:
    """Return the pieces of a request that are text."""
    pieces = _form(ask) if ask.form else without_media(_body(ask))
    if not ask.headers and ask.declared is None:
        return pieces
    return (*pieces, _beside(ask))


def leaving_whole(ask: Ask) -> Iterable[bytes]:
    """Return the same as it stands, media and all: for who reads JSON, where a part is none."""
    if ask.form:
        return leaving(ask)
    if not ask.headers and ask.declared is None:
        return (ask.raw,)
    return (ask.raw, _beside(ask))


def leaving_bytes(ask: Ask) -> int:
    """Return how many bytes have to be looked through for them."""
    return len(ask.raw)


def _body(ask: Ask) -> bytes:
    raw = ask.raw
    for name in LEFT_OUT:
        if name in ask.members:
            start, _, end = ask.members[name]
            raw = raw[:start] + raw[end:]
            break
    return raw


def _form(ask: Ask) -> Iterator[bytes]:
    """The fields of a form, the heads of its parts, and of its files those that are text."""
    form = read_form(ask.raw, dict(ask.headers).get(_TYPE, ""))
    begun = 0
    for file in form.files:
        yield ask.raw[begun : file.start]
        begun = file.end
        content = ask.raw[file.start : file.end]
        if is_text(content):
            yield from without_media(content)
    yield ask.raw[begun:]


def _beside(ask: Ask) -> bytes:
    """What goes on beside the body: headers, and of a declared operation the address."""
    said = [value for name, value in ask.headers if name != _TYPE]
    if ask.declared is not None:
        sending: Sending = ask.declared
        said += (sending.path, sending.query)
    return "\n".join(said).encode("utf-8", "replace")
