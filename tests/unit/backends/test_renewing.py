"""Tokens are fetched once for all, ahead of their end; a failed fetch is not repeated at once."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from fakes.clock import FakeClock

from router.backends.credentials import renewing
from router.backends.credentials.authorizing import Authorized, CredentialFailed
from router.backends.credentials.bearer import BearerTokens
from router.backends.credentials.renewing import Leased, Renewing
from router.backends.transport.transport import HttpCall, Target

HOUR = 3600.0


class Server:
    """Gives token after token; `open` lets its answers out, `broken` makes it fail."""

    def __init__(self, seconds: float = HOUR) -> None:
        self.given = 0
        self.seconds = seconds
        self.broken = False
        self.open = threading.Event()
        self.open.set()
        self.threads: set[int] = set()

    def __call__(self) -> Leased[str]:
        self.threads.add(threading.get_ident())
        self.open.wait()
        self.given += 1
        if self.broken:
            raise OSError("first line of it\nsecond line")
        return Leased(f"token {self.given}", self.seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.open.set()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def settled(token: Renewing[str]) -> None:
    """The fetch that is under way has ended."""
    if token._fetching is not None:
        await asyncio.wait([token._fetching])


async def test_one_fetch_serves_all_who_wait_and_blocks_no_loop(server: Server) -> None:
    server.open.clear()
    token = Renewing(server, "t")
    waiting = [asyncio.ensure_future(token.get()) for _ in range(20)]
    await asyncio.sleep(0)  # the loop goes on although the server does not answer
    assert not any(task.done() for task in waiting)
    server.open.set()
    assert set(await asyncio.gather(*waiting)) == {"token 1"}
    assert server.given == 1
    assert threading.get_ident() not in server.threads


async def test_a_client_that_leaves_takes_nobodys_fetch_away(server: Server) -> None:
    server.open.clear()
    token = Renewing(server, "t")
    leaves, stays = asyncio.ensure_future(token.get()), asyncio.ensure_future(token.get())
    await asyncio.sleep(0)
    leaves.cancel()
    server.open.set()
    assert await stays == "token 1"
    assert server.given == 1


async def test_near_its_end_the_old_one_is_given_while_the_next_is_fetched(
    server: Server, clock: FakeClock
) -> None:
    token = Renewing(server, "t", clock=clock)
    assert await token.get() == "token 1"
    clock.pass_by(HOUR - 301)
    assert await token.get() == "token 1"
    assert token._fetching is None  # not yet
    clock.pass_by(2)
    server.open.clear()
    assert await token.get() == "token 1"
    assert await token.get() == "token 1"  # and no second fetch
    server.open.set()
    await settled(token)
    assert await token.get() == "token 2"
    assert server.given == 2


async def test_a_short_life_is_renewed_in_its_last_fifth(clock: FakeClock) -> None:
    server = Server(seconds=100.0)
    token = Renewing(server, "t", clock=clock)
    await token.get()
    clock.pass_by(79)
    await token.get()
    assert token._fetching is None
    clock.pass_by(2)
    await token.get()
    await settled(token)
    assert server.given == 2


async def test_what_has_expired_is_given_to_nobody(server: Server, clock: FakeClock) -> None:
    token = Renewing(server, "t", clock=clock)
    await token.get()
    clock.pass_by(HOUR)
    assert await token.get() == "token 2"
    server.broken = True
    clock.pass_by(HOUR)
    with pytest.raises(CredentialFailed):
        await token.get()


async def test_a_failed_fetch_rests_longer_each_time_until_one_goes_well(
    server: Server, clock: FakeClock
) -> None:
    server.broken = True
    token = Renewing(server, "t", clock=clock)
    rests = []
    for _ in range(8):
        with pytest.raises(CredentialFailed) as caught:
            await token.get()
        rests.append(caught.value.rest)
        given = server.given
        with pytest.raises(CredentialFailed):
            await token.get()
        assert server.given == given  # nobody asked again meanwhile
        clock.pass_by(caught.value.rest)
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    server.broken = False
    assert (await token.get()).startswith("token")


async def test_a_renewal_that_fails_harms_nobody_while_the_old_one_lasts(
    server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    token = Renewing(server, "mine", clock=clock)
    await token.get()
    server.broken = True
    clock.pass_by(HOUR - 10)
    assert await token.get() == "token 1"
    await settled(token)
    assert await token.get() == "token 1"
    assert server.given == 2  # at rest
    [record] = [one for one in caplog.records if one.message == "no credential"]
    assert record.__dict__["credential"] == "mine"
    assert record.__dict__["reason"] == "OSError: first line of it"


async def test_preparing_fetches_before_anybody_asks_and_once(server: Server) -> None:
    token = Renewing(server, "t")
    token.prepare()
    token.prepare()
    assert await token.get() == "token 1"
    token.prepare()
    assert server.given == 1


async def test_closing_waits_for_no_server(server: Server) -> None:
    server.open.clear()
    token = Renewing(server, "t")
    token.prepare()
    await asyncio.sleep(0)
    await token.close()
    assert token._fetching is None


class Answer:
    """The head of an answer."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Client:
    """A transport that takes one token alone."""

    def __init__(self, taken: str) -> None:
        self.taken = taken
        self.answers: list[Answer] = []

    async def send(self, call: HttpCall, place: str = "") -> Answer:
        right = dict(call.headers)["Authorization"] == f"Bearer {self.taken}"
        self.answers.append(Answer(200 if right else 401))
        return self.answers[-1]


def authorized(
    server: Server, clock: FakeClock, client: Client
) -> tuple[Authorized, Renewing[str]]:
    tokens = BearerTokens(server, "t")
    tokens._token = Renewing(server, "t", clock=clock)
    return Authorized(client, tokens), tokens._token  # type: ignore[arg-type]


CALL = HttpCall(Target("https://host/v1", ()), b"{}", None, "r", (("a", "b"),))  # type: ignore[arg-type]


async def test_a_token_that_is_refused_is_fetched_anew_once(
    server: Server, clock: FakeClock
) -> None:
    client = Client("token 2")
    wrapped, token = authorized(server, clock, client)
    await token.get()
    clock.pass_by(renewing._YOUNG)
    answer = await wrapped.send(CALL)
    assert [one.status for one in client.answers] == [401, 200]
    assert client.answers[0].closed
    assert answer.status == 200


async def test_a_young_token_that_is_refused_is_not_fetched_again(
    server: Server, clock: FakeClock
) -> None:
    client = Client("another")
    wrapped, _ = authorized(server, clock, client)
    for _ in range(3):
        assert (await wrapped.send(CALL)).status == 401
    assert server.given == 1
    clock.pass_by(renewing._YOUNG)
    assert (await wrapped.send(CALL)).status == 401  # once more, and no further
    assert server.given == 2


async def test_the_body_is_handed_on_as_it_is_and_headers_are_added(
    server: Server, clock: FakeClock
) -> None:
    class Keeps(Client):
        async def send(self, call: HttpCall, place: str = "") -> Answer:
            self.call, self.place = call, place
            return Answer(200)

    client = Keeps("")
    wrapped, _ = authorized(server, clock, client)
    await wrapped.send(CALL, "its place in a trace")
    assert client.place == "its place in a trace"
    assert client.call.body is CALL.body
    assert client.call.headers == (("a", "b"), ("Authorization", "Bearer token 1"))
