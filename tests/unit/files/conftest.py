from collections.abc import Iterator

import pytest
from fakes.files import FakeFiles


@pytest.fixture
def files(database: str) -> Iterator[FakeFiles]:
    made = FakeFiles(database)
    yield made
    made.close()
