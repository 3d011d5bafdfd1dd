"""Thoughts and their seals in a response's request, at servers of other protocols."""

import pytest
from responses_requests import dropped, read, written

from router.protocols.hub.conversation import Call, Seal, Thinking


class TestReasoning:
    """Seals go back to their issuer alone."""

    def test_its_own_goes_back_unchanged(self) -> None:
        item = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "S==",
        }
        conversation = read(input=[item, {"role": "user", "content": "x"}])
        assert written("responses", conversation)["input"][0] == item

    @pytest.mark.parametrize(("protocol", "name"), [("messages", "thought_signature")])
    def test_elsewhere_it_is_dropped_and_named(self, protocol: str, name: str) -> None:
        item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "S=="}
        given = [{"role": "user", "content": "x"}, item, {"role": "user", "content": "y"}]
        assert dropped(protocol, input=given) == (name,)

    @pytest.mark.parametrize(
        ("sealed", "seal"),
        [
            ("turnout:messages:QQ==", Seal("messages", "QQ==")),
            ("turnout:messages+redacted:QQ==", Seal("messages", "QQ==", "redacted")),
            ("turnout::", None),
            ("", None),
        ],
    )
    def test_marks_tell_whose_a_seal_is(self, sealed: str, seal: Seal | None) -> None:
        summary = [{"type": "summary_text", "text": "Hm."}]
        item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": sealed}
        assert read(input=[item]).turns[0].parts == (Thinking("Hm.", seal),)

    def test_geminis_belongs_to_the_call_behind_it(self) -> None:
        sealed = {"type": "reasoning", "id": "r", "summary": []}
        sealed["encrypted_content"] = "turnout:gemini:QQ=="
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        (turn,) = read(input=[sealed, call]).turns
        assert turn.parts == (Call("c", "f", "{}", seal=Seal("gemini", "QQ==")),)

    def test_sections_are_one_text(self) -> None:
        item = {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "content": [{"type": "reasoning_text", "text": "b"}],
        }
        assert read(input=[item]).turns[0].parts == (Thinking("a\n\nb"),)
