"""What a process keeps of a gateway that it closed: nothing."""

import gc
import weakref

from router.api.rest import public_application


class Anything:
    """Stands for a gateway: its applications only keep it."""

    cors = None


def test_a_gateway_is_forgotten_with_its_application() -> None:
    gateway = Anything()
    application = public_application(gateway)  # type: ignore[arg-type] # see above
    left = weakref.ref(gateway)
    del gateway, application
    gc.collect()
    assert left() is None
