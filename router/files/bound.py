"""What the requests of a batch may come to at most, and which backends they are for.

It is worked out where the requests are read, and kept as JSON with the file or batch: numbers and
names of backends, nothing of what was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from router.domain import Charge, Estimate, Outcome, Usage
from router.operations.operation import Operation
from router.operations.paths import ROUTES


@dataclass(slots=True)
class Bound:
    """A sum over requests: `path` is where each is asked, `backends` how many go to each of them.

    Tokens are the most that they may have, `cost_pico` what those cost in a batch.
    """

    path: str = ""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_cost_pico: int = 0
    cost_pico: int = 0
    backends: dict[str, int] = field(default_factory=dict)

    def add(self, backend: str, estimate: Estimate) -> None:
        """Count one more request."""
        self.requests += 1
        self.input_tokens += estimate.input_tokens
        self.output_tokens += estimate.output_tokens
        self.input_cost_pico += estimate.input_cost_pico
        self.cost_pico += estimate.cost_pico
        self.backends[backend] = self.backends.get(backend, 0) + 1

    def document(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(self)

    @classmethod
    def read(cls, document: bytes) -> "Bound":
        """As it was stored."""
        known: Mapping[str, Any] = orjson.loads(document)
        return cls(**known)

    @property
    def route(self) -> str:
        """The backends by name, as usage shows what was asked."""
        return ", ".join(sorted(self.backends))

    @property
    def operation(self) -> str | None:
        """What each of the requests is, as the books call it."""
        row = ROUTES.get(self.path.encode())
        return row.name if isinstance(row, Operation) else None

    def estimate(self) -> Estimate:
        """What to hold: all of it, so never trimmed."""
        return Estimate(
            self.input_tokens,
            self.output_tokens,
            self.cost_pico,
            self.input_cost_pico,
            firm=True,
            requests=self.requests,
        )

    def charge(self, backend: str, version: str) -> Charge:
        """What is charged where nobody can tell what was used."""
        usage = Usage(self.input_tokens, self.output_tokens, estimated=True)
        return Charge(
            usage,
            self.cost_pico,
            Outcome.COMPLETED,
            backend=backend,
            route=self.route,
            price_version=version,
            requests=self.requests,
            operation=self.operation,
        )
