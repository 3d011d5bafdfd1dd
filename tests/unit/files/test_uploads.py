"""Files on their way in: in time, and not too many of one customer at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.files import SECOND, FakeFiles, asker

from router.errors import BodyTooSlow, LimitExceeded
from router.files.uploads import Uploads

FORM = "multipart/form-data; boundary=b"
HEAD = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
)
END = b"\r\n--b--\r\n"


def uploads(files: FakeFiles, folder: Path) -> Uploads:
    return Uploads(files.desk, folder, line=1_000_000, patience=30.0)


async def dripping(pause: float, pieces: int) -> AsyncIterator[bytes]:
    """A file that comes a byte at a time."""
    yield HEAD
    for _ in range(pieces):
        await asyncio.sleep(pause)
        yield b"x"
    yield END


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("pause", "seconds", "words"),
    [(20.0, 1800.0, "did not arrive within 1800"), (40.0, 30.0, "Nothing came for 30")],
)
async def test_a_file_that_drips_is_given_up_in_time(
    files: FakeFiles, tmp_path: Path, pause: float, seconds: float, words: str
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(BodyTooSlow, match=words):
        await uploads(files, tmp_path).upload(asker(), FORM, dripping(pause, 10_000))
    assert loop.time() - began == pytest.approx(seconds)
    assert not files.accounts.keeping.kept


async def held(go: asyncio.Event, begun: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """A file whose end comes when it may."""
    yield HEAD
    begun.release()
    await go.wait()
    yield END


async def test_one_customers_uploads_at_once_are_bounded_and_others_are_let_in(
    files: FakeFiles, tmp_path: Path
) -> None:
    kept, go = uploads(files, tmp_path), asyncio.Event()
    begun = asyncio.Semaphore(0)
    running = [
        asyncio.ensure_future(kept.upload(asker(), FORM, held(go, begun)))
        for _ in range(files.desk.files.uploads)
    ]
    for _ in running:
        await begun.acquire()
    with pytest.raises(LimitExceeded) as refused:
        await kept.upload(asker(), FORM, held(go, begun))
    assert dict(refused.value.headers)["retry-after"] == "1"
    running[0].cancel()
    await asyncio.wait(running[:1])
    go.set()
    assert await kept.upload(asker(), FORM, held(go, begun))
    assert await kept.upload(asker(principal=SECOND), FORM, held(go, begun))
    await asyncio.gather(*running, return_exceptions=True)
    assert not kept._running
