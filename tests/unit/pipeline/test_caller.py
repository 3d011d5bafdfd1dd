"""The protocols between the corridor and its neighbours: real parts and fakes fit them alike."""

import inspect

import pytest
from fakes.backends import FakeBackends
from fakes.caller import FakeCaller
from fakes.ledger import FakeHold, FakeLedger
from fakes.parts import FakeAuthenticator, FakeClassifier, FakeConversations, FakeRecorder

from classifiers.serving import Classifier
from router.api.exchange import Exchange
from router.auth.authenticate import Authenticator
from router.ledger.conversations import Conversations
from router.ledger.hold import Hold
from router.ledger.ledger import Ledger
from router.loop.outcome_recorder import OutcomeRecorder
from router.pipeline import request_context, serving
from router.pipeline.caller import Caller
from router.pipeline.observers import evidence, stickiness
from router.pipeline.send import Sender

PARTS = [
    (Caller, Exchange, FakeCaller),
    (serving.Authenticates, Authenticator, FakeAuthenticator),
    (serving.Held, Hold, FakeHold),
    (serving.Holds, Ledger, FakeLedger),
    (serving.Sends, Sender, FakeBackends),
    (request_context.Classifies, Classifier, FakeClassifier),
    (request_context.Remembers, Conversations, FakeConversations),
    (stickiness.ConversationMemory, Conversations, FakeConversations),
    (evidence.Recorder, OutcomeRecorder, FakeRecorder),
]


def calls(kind: type) -> dict[str, list[str]]:
    """The methods of a protocol, each with the names of its parameters that must be given."""
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and (not name.startswith("_") or name == "__len__")
    }


@pytest.mark.parametrize(("protocol", "real", "fake"), PARTS)
def test_real_part_and_fake_take_what_the_protocol_says(protocol, real, fake):
    for kind in (real, fake):
        for name, given in calls(protocol).items():
            taken = inspect.signature(getattr(kind, name)).parameters
            assert list(taken)[: len(given)] == given, (kind, name)
            more = list(taken.values())[len(given) :]
            assert all(one.default is not inspect.Parameter.empty for one in more), (kind, name)
