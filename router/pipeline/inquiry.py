"""What is known of a request when it is decided."""

from classifiers.serving import Classification
from policies.policy import Needs
from policies.signals import Hints, Signals
from policies.value import value
from router.ask import Ask
from router.domain import Principal
from router.pipeline.signals import Reading


@value
class Inquiry:
    """One request, ready to be decided; `signals` is the part of it that a policy may see."""

    principal: Principal
    request: Ask
    hints: Hints
    needs: Needs
    reading: Reading
    classification: Classification
    signals: Signals
