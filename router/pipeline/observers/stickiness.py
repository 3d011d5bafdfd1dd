"""Remembering who serves a conversation, so that its next turn can go there too."""

from typing import Protocol

from router.pipeline.observers.observer import Finished, Observer


class ConversationMemory(Protocol):
    """Where it is remembered."""

    def served(self, organization: str, conversation: str, backend: str) -> None:
        """Remember who served; waits for nothing."""


def remembers_conversations(conversations: ConversationMemory) -> Observer:
    """Return the observer of sticky routes."""

    def observe(finished: Finished) -> None:
        context = finished.context
        if context.needs.sticky and finished.backend:
            organization = context.principal.organization
            conversations.served(organization, context.conversation, finished.backend)

    return observe
