"""The hub between protocols: conversations, answers and events in the words of none of them."""
