"""What a client asks, as facts: all that pipeline, policy, ledger, prices and telemetry may see.

An operation's `parse` makes an `Ask` of a request, once. What stands in the body beyond these facts
is read by the modules of the protocol alone (`router.protocols`) and by the backends' dialects.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from classifiers.prompt import Prompt
from policies.pii.pii import texts_of
from policies.value import value
from router.units import Units

NO_FEATURES: Final[frozenset[str]] = frozenset()
# The features of a request that names what a provider keeps (an earlier response; a file): only
# that provider can read it, and nobody here knows how much it is.
STORED_STATE: Final = "stored_state"
NAMED_FILES: Final = "named_files"
KEPT_ELSEWHERE: Final = frozenset((STORED_STATE, NAMED_FILES))
# Of a request whose text no detector can read.
UNREADABLE: Final = KEPT_ELSEWHERE | {"tokens"}


@value
class Media:
    """The parts of a request that are not text: how many of each kind, how many bytes of them it
    carries itself (none where it gives a URL or a name), and how large they are.

    `low_detail` is how many images are asked to be seen coarsely. `pixels` are of the images whose
    header tells them, `sizes` their widths, heights and the detail asked for (low, high, original,
    or empty). `audio_seconds` are exact for WAV, else an upper bound by the lowest usual bit rate;
    then `seconds_guessed` holds. `film_seconds` are those that videos tell, of `film_bytes`.
    `pages` are those that a PDF tells; a document that tells none counts by its bytes, and
    `pages_guessed` holds.
    """

    images: int = 0
    audio: int = 0
    files: int = 0
    videos: int = 0
    others: int = 0
    image_bytes: int = 0
    audio_bytes: int = 0
    file_bytes: int = 0
    video_bytes: int = 0
    other_bytes: int = 0
    low_detail: int = 0
    pixels: int = 0
    audio_seconds: int = 0
    pages: int = 0
    seconds_guessed: bool = False
    elsewhere: int = 0
    pages_guessed: bool = False
    sizes: tuple[tuple[int, int, str], ...] = ()
    film_seconds: int = 0
    film_bytes: int = 0


NO_MEDIA: Final = Media()


def _texts(ask: "Ask") -> list[str]:
    return texts_of(ask.body)


class Ask(NamedTuple):
    """One request; `body` is the parsed `raw` and is never changed; `members` says where its
    members stand in `raw`, in bytes (`router.protocols.scan`).

    `operation` names a row of `router.operations.table`, `protocol` the wire language of the body
    and of the answer; `path` is where a backend that speaks it is asked, below its base address.
    `max_output_tokens` is the largest of the ways to say it, None where none is given; `choices`
    is how many answers are wanted; `images` counts every part that is not text, `media` tells them
    apart; `text_bytes` is the UTF-8 length of all text a model will read, tools and schema
    included.
    `features` are what a backend must be able to do: tools, json_schema, vision, audio, files,
    logprobs, tokens (text that only a model can read), stored_state, named_files, custom_tools,
    grammars, and each hosted tool as `hosted:` and its type.
    `session` is the client's own name for the conversation. `headers` are those of the request that
    belong to the protocol. Where it is not `classified`, there is no prompt for the
    classifier, and no answer that could be verified. `units` are at most what it may be counted in
    besides tokens. `form`: `raw` is no JSON but a multipart form, `body` its texts by name, and
    `members` says where its model's name stands. `alone`: one backend is asked, since another
    one's answer would be about something else. `kept` is what an answer is kept with
    (`router.protocols.responses.kept`), None where it is not. `declared` says how a request of an
    operation that the operator declared goes on (`router.protocols.declared`), None for others.
    `storing` is the body that a chat is kept with (`router.protocols.chat.kept`), None for one
    whose client did not ask for it. `bare`: it goes without the thoughts of models in it, since a
    server found one that it cannot read. `pinned` are the backends that
    can read the files that it names, where they are kept for customers; None: any. `unknown` are
    the parameters that nobody knows, `router.protocols.parameters` says which may go on.
    `unredacted`, of a request whose private data is replaced, names the backends that are sent the
    other one: the client's own.
    """

    operation: str
    protocol: str
    path: str
    raw: bytes
    body: dict[str, Any]
    members: dict[str, tuple[int, int, int]]
    model: str
    stream: bool
    include_usage: bool
    max_output_tokens: int | None
    choices: int
    user: str | None
    tools: tuple[str, ...]
    images: int
    json_schema: bool
    text_bytes: int
    prompt: Prompt
    features: frozenset[str] = NO_FEATURES
    media: Media = NO_MEDIA
    session: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    read_texts: Callable[["Ask"], list[str]] = _texts
    classified: bool = True
    units: Units = ()
    form: bool = False
    alone: bool = False
    kept: Any = None
    declared: Any = None
    storing: Any = None
    bare: bool = False
    pinned: frozenset[str] | None = None
    unknown: tuple[str, ...] = ()
    unredacted: "tuple[frozenset[str], Ask] | None" = None

    def sent_to(self, backend: str) -> "Ask":
        """The request as this backend may have it."""
        if self.unredacted is None or backend not in self.unredacted[0]:
            return self
        return self.unredacted[1]._replace(bare=self.bare)

    def texts(self) -> list[str]:
        """Every piece of text that would leave with the request, read when it is called."""
        return self.read_texts(self)
