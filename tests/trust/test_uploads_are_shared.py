"""Uploads that lie on the gateway's disk: so many at once, of one customer a few."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from router.errors import BadRequest
from router.files.uploads import Uploads

FORM = "multipart/form-data; boundary=X"


class Sending:
    """Clients that begin to send and go on when they are let; `began` are whose were read."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.go = asyncio.Event()

    async def chunks(self, customer: str) -> AsyncIterator[bytes]:
        self.began.append(customer)
        await self.go.wait()
        yield b"--X--\r\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    desk: Any = SimpleNamespace(
        files=SimpleNamespace(size=1_000), offering=lambda *_: None, missing=None
    )
    return Uploads(desk, tmp_path, line=1_000, patience=60.0)


async def test_a_flood_of_uploads_waits_unread_and_another_customers_is_read(uploads: Uploads):
    sending = Sending()

    def begun(customer: str) -> asyncio.Task[bytes]:
        asker: Any = SimpleNamespace(organization=customer)
        return asyncio.create_task(uploads.upload(asker, FORM, sending.chunks(customer)))

    tasks = [begun("loud") for _ in range(50)] + [begun("quiet")]
    for _ in range(8):
        await asyncio.sleep(0)
    assert sorted(sending.began) == ["loud"] * 4 + ["quiet"]
    sending.go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in ended} == {BadRequest}  # an empty form
    assert len(sending.began) == 51
