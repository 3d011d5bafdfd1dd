"""What rolling up and pruning tells in metrics: a row each, and how it is read."""

from collections.abc import Callable
from typing import Final

from router.keeping.keeper import Keeper
from router.telemetry.metric import Metric, Values

METERS: Final[tuple[tuple[Metric, Callable[[Keeper], Values]], ...]] = (
    (
        Metric(
            "turnout_rows_kept",
            "counter",
            ("done",),
            "Stored rows that this process rolled up or deleted when their time was over, by task; "
            "`failures` of the database meanwhile.",
        ),
        lambda keeper: {
            **{(name,): count for name, count in keeper.done.items()},
            ("failures",): keeper.failures,
        },
    ),
)
