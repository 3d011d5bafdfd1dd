"""What a tier asks every request to say (`require`): who does not is refused by name."""

from collections.abc import Collection
from typing import Final

from policies.headers import ASK_RUN
from policies.language.limits import RUN
from router.ask import Ask
from router.ledger.reserve_request import Run
from router.protocols.fields import missing_run, missing_user

USER: Final = "user"


def refuse_unnamed(require: Collection[str], ask: Ask, run: Run | None) -> None:
    """Raise BadRequest for a request that does not say what its tier asks for."""
    if USER in require and ask.user is None:
        raise missing_user(ask.protocol)
    if RUN in require and run is None:
        raise missing_run(ASK_RUN)
