"""What is found out of a request before it is decided: what the policy needs, and no more."""

import threading

import pytest
from fakes.caller import FakeCaller, sent
from fakes.corridor import CHAT, context_of
from fakes.parts import ACME, FakeClassifier, FakeConversations
from fakes.world import FIXED, ODDS, new_world

from classifiers.classification import UNKNOWN
from classifiers.prompt import prompt_of_messages
from policies.signals import NO_HINTS
from router.domain import Principal
from router.errors import BadRequest
from router.pipeline.request_context import Senses, conversation_of, gather
from router.world.snapshot import Snapshot

MAIL = "Write to jane.doe@example.com, please."


def ruled(condition: str) -> Snapshot:
    """A world whose policy reads one fact."""
    return new_world(
        "version: 1\nroutes:\n  auto:\n    candidates: [local, moe]\n    objective: fixed\n"
        f"    rules: [{{name: one, when: '{condition}', only: [local]}}]\n"
    )


CAPABLE = "version: 1\nroutes: {auto: {candidates: [local, moe], capable: {min_success: 0.6}}}\n"
STICKY = (
    "version: 1\n"
    "routes: {auto: {candidates: [local, moe], objective: fixed, sticky: conversation}}\n"
)
WEIGHED = (
    "version: 1\nroutes: {auto: {candidates: [local, moe], objective: fixed, "
    "weights: {local: 1, moe: 1}}}\n"
)


async def test_a_policy_that_needs_nothing_has_nothing_gathered():
    classifier, conversations = FakeClassifier(**ODDS), FakeConversations()
    caller = FakeCaller.asking(MAIL)
    caller.fields = sent({"x-team": "blue"})
    context = await context_of(
        caller, new_world(FIXED), classifier=classifier, conversations=conversations
    )
    assert (classifier.asked, conversations.asked) == ([], [])
    assert context.classification is UNKNOWN
    assert context.hints is NO_HINTS
    assert (context.pii, context.conversation, context.previous) == (False, "", "")
    assert (dict(context.budget), context.language, dict(context.headers)) == ({}, "", {})


async def test_the_classifier_is_asked_once_where_the_objective_needs_it():
    classifier = FakeClassifier(**ODDS)
    context = await context_of(FakeCaller.asking("Why?"), new_world(CAPABLE), classifier=classifier)
    assert [prompt.turns[-1].text for prompt in classifier.asked] == ["Why?"]
    assert context.classification.success == ODDS


async def test_text_that_comes_as_tokens_counts_as_private_since_nobody_can_read_it():
    caller, world = FakeCaller.asking("Good morning."), ruled("request.pii")
    ask = CHAT.parse(caller.raw, caller.fields)._replace(features=frozenset({"tokens"}))
    senses = Senses(FakeClassifier(), FakeConversations(), {})
    assert (await gather(senses, world, ACME, ask, caller)).pii


async def test_an_operation_that_is_not_classified_never_asks_the_classifier():
    classifier, world = FakeClassifier(**ODDS), new_world(CAPABLE)
    caller = FakeCaller.asking("Why?")
    ask = CHAT.parse(caller.raw, caller.fields)._replace(classified=False)
    senses = Senses(classifier, FakeConversations(), {})
    context = await gather(senses, world, ACME, ask, caller)
    assert classifier.asked == []
    assert context.classification is UNKNOWN


@pytest.mark.parametrize(("text", "private"), [(MAIL, True), ("Good morning.", False)])
async def test_personal_data_is_looked_for_where_a_rule_asks(text, private):
    context = await context_of(FakeCaller.asking(text), ruled("request.pii"))
    assert bool(context.pii) is private


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        (MAIL, False),
        ("Tell me a story. " * 2_000, True),
        ("Tell me a story. " * 2_000 + MAIL, True),
    ],
    ids=["short", "long and clean", "long"],
)
async def test_a_long_prompt_is_searched_beside_the_event_loop(text, beside):
    before = set(threading.enumerate())
    context = await context_of(FakeCaller.asking(text), ruled("request.pii"))
    begun = set(threading.enumerate()) - before
    assert bool(begun) is beside
    assert bool(context.pii) is (MAIL in text)


async def test_a_sticky_route_asks_who_served_the_conversation():
    conversations, caller = FakeConversations(), FakeCaller.asking("Hello")
    first = await context_of(caller, new_world(STICKY), conversations=conversations)
    conversations.served("acme", first.conversation, "moe")
    again = await context_of(caller, new_world(STICKY), conversations=conversations)
    assert (first.previous, again.previous) == ("", "moe")
    assert conversations.asked == [first.conversation] * 2


async def test_a_draw_by_weights_needs_the_conversations_name_but_not_its_past():
    conversations = FakeConversations()
    context = await context_of(FakeCaller.asking(), new_world(WEIGHED), conversations=conversations)
    assert context.conversation
    assert conversations.asked == []


async def test_where_decisions_are_logged_the_conversation_is_named_too():
    context = await context_of(FakeCaller.asking(), new_world(FIXED), recorded=True)
    assert context.conversation


class Half:
    """A budget of which half is used."""

    def used(self) -> dict[str, float]:
        return {"month": 0.5}


@pytest.mark.parametrize("budgets", [{}, {"acme": None}, {"acme": Half()}, {"other": Half()}])
async def test_the_used_shares_are_those_of_the_customers_last_admission(budgets):
    world = ruled("budget.used_share > 0.8")
    context = await context_of(FakeCaller.asking(), world, budgets=budgets)
    used = {"month": 0.5} if isinstance(budgets.get("acme"), Half) else {}
    assert dict(context.budget) == used


async def test_the_language_is_guessed_of_the_last_turn_where_a_rule_asks():
    text = "Bitte erkläre mir, warum der Himmel am Abend rot ist und nicht blau bleibt."
    context = await context_of(FakeCaller.asking(text), ruled('prompt.language == "de"'))
    assert context.language == "de"


async def test_only_the_headers_that_the_policy_reads_are_taken():
    world = ruled('request.headers["x-team"] == "blue"')
    caller = FakeCaller.asking()
    caller.fields = sent({"x-team": "blue", "x-other": "red", "authorization": "secret"})
    assert dict((await context_of(caller, world)).headers) == {"x-team": "blue"}


async def test_hints_are_read_and_decide_whose_needs_count():
    world = new_world(CAPABLE)
    caller = FakeCaller.asking(model="local")
    caller.fields = sent({"x-turnout-route": "auto", "x-turnout-exclude": "moe"})
    context = await context_of(caller, world)
    assert (context.hints.route, context.hints.exclude) == ("auto", ("moe",))
    assert context.needs is world.needs("auto")


@pytest.mark.parametrize(
    "header", ["x-turnout-route", "x-turnout-min-success", "x-turnout-max-cost-usd"]
)
async def test_a_wrong_hint_is_a_bad_request_that_names_its_header(header):
    caller = FakeCaller.asking()
    caller.fields = sent({header: "?!"})
    with pytest.raises(BadRequest) as caught:
        await context_of(caller)
    assert caught.value.param == header


async def test_what_was_found_carries_the_request_and_its_world():
    world, caller = new_world(), FakeCaller.asking("x" * 300)
    context = await context_of(caller, world)
    assert (context.id, context.world, context.principal) == (caller.id, world, ACME)
    assert context.input_tokens >= 100


def turns(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]


def test_every_turn_of_a_conversation_has_its_name_and_no_other_conversation_does():
    first = conversation_of(prompt_of_messages(turns("Hello")), ACME)
    third = conversation_of(prompt_of_messages(turns("Hello", "Hi!", "Why?")), ACME)
    other = conversation_of(prompt_of_messages(turns("Good morning")), ACME)
    system = [{"role": "system", "content": "Be brief."}, *turns("Hello")]
    assert first == third
    assert len({first, other, conversation_of(prompt_of_messages(system), ACME)}) == 3


def test_two_keys_never_share_a_conversation():
    prompt = prompt_of_messages(turns("Hello"))
    assert conversation_of(prompt, ACME) != conversation_of(prompt, Principal("k2", "acme", "pro"))


def test_a_conversation_without_words_has_a_name_too():
    assert conversation_of(prompt_of_messages([]), ACME)
