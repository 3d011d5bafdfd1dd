"""What the fixtures that start model servers hand out."""

from dataclasses import dataclass

from router.simulator.server import Simulator


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator in a thread, and where it listens."""

    base_url: str
    app: Simulator
