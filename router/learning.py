"""What is learnt from answers, started: classifier, evidence, and the learner that refits by it."""

from contextlib import AsyncExitStack

from classifiers.serving import Classifier
from router.loop.card_store import CardStore
from router.loop.learner import Learner
from router.loop.learning_loop import LearningLoop
from router.loop.outcome_recorder import OutcomeRecorder
from router.loop.outcome_store import OutcomeStore
from router.loop.prompt_store import PromptStore
from router.world.documents import Documents


def load_classifier(documents: Documents) -> Classifier:
    """Load the shipped classifier and the operator's ability cards. Raises ArtifactError."""
    section = documents.config.classifier
    cards = [documents.folder / card for card in section.cards]
    return Classifier.load(device=section.device, cards=cards, deadline=section.deadline)


async def start_learner(
    stack: AsyncExitStack,
    documents: Documents,
    classifier: Classifier,
    outcomes: OutcomeStore,
    prompts: PromptStore,
) -> Learner:
    """The learner as configured, at work until `stack` ends. Raises DatabaseError."""
    cards = CardStore(documents.database)
    stack.callback(cards.close)
    learner = learner_of(documents, classifier, outcomes, cards, prompts)
    loop = LearningLoop(learner)
    await loop.start()
    stack.push_async_callback(loop.close)
    return learner


def learner_of(
    documents: Documents,
    classifier: Classifier,
    outcomes: OutcomeStore,
    cards: CardStore,
    prompts: PromptStore,
) -> Learner:
    """The learner as configured, over these stores."""
    section = documents.config.classifier
    return Learner(
        classifier,
        outcomes,
        cards,
        prompts,
        folder=documents.data / "cards",
        device=section.device,
        own=[documents.folder / card for card in section.cards],
        every=section.refit_every or 0.0,
        least=section.refit_from,
    )


def open_evidence(stack: AsyncExitStack, documents: Documents) -> tuple[OutcomeStore, PromptStore]:
    """What is kept of answers, and of their prompts; `stack` closes both. Raises DatabaseError."""
    keep = documents.config.outcomes.keep
    outcomes = OutcomeStore(documents.database, keep=keep)
    stack.callback(outcomes.close)
    prompts = PromptStore(documents.database, keep=keep)
    stack.callback(prompts.close)
    return outcomes, prompts


def start_recorder(
    stack: AsyncExitStack, documents: Documents, store: OutcomeStore, prompts: PromptStore
) -> OutcomeRecorder:
    """What writes to these stores, prompts only where the operator wants it, until `stack` ends."""
    recorder = OutcomeRecorder(store, prompts if documents.config.outcomes.prompts else None)
    recorder.start()
    stack.push_async_callback(recorder.close)
    return recorder
