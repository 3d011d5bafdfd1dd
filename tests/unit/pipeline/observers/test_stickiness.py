"""Remembering who served a conversation, where its route is sticky."""

import pytest
from fakes.finished import finished_of
from fakes.parts import FakeConversations
from fakes.world import FIXED, new_world

from router.pipeline.observers.stickiness import remembers_conversations

STICKY = FIXED.replace("objective: fixed", "objective: fixed, sticky: conversation")


@pytest.mark.parametrize(
    ("policy", "backend", "remembered"),
    [(STICKY, "moe", ["moe"]), (STICKY, "", []), (FIXED, "moe", [])],
    ids=["served", "nobody served", "not sticky"],
)
async def test_who_served_is_remembered_by_customer_and_conversation(policy, backend, remembered):
    conversations = FakeConversations()
    finished = await finished_of(world=new_world(policy), backend=backend)
    remembers_conversations(conversations)(finished)
    assert list(conversations.remembered.values()) == remembered
    if remembered:
        assert ("acme", finished.context.conversation) in conversations.remembered


async def test_a_conversation_goes_back_to_whoever_served_even_where_the_client_left():
    conversations = FakeConversations()
    finished = await finished_of(world=new_world(STICKY), delivered=False)
    remembers_conversations(conversations)(finished)
    assert conversations.remembered
