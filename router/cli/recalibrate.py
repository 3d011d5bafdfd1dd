"""`turnout recalibrate`: refit ability cards on stored outcomes, see their history, roll back."""

import time
from datetime import UTC, datetime
from pathlib import Path

import click

from classifiers.artifact import ArtifactError
from router.cli.common.documents import config_option, documents_or_end
from router.cli.common.saying import say
from router.cli.common.stores import opened
from router.learning import learner_of, load_classifier
from router.loop.card_store import CardStore
from router.loop.outcome_store import OutcomeStore
from router.loop.prompt_store import PromptStore
from router.world.documents import Documents


def _refit(documents: Documents, cards: CardStore, only: str | None) -> None:
    keep = documents.config.outcomes.keep
    outcomes = OutcomeStore(documents.database, keep=keep)
    prompts = PromptStore(documents.database, keep=keep)
    least = documents.config.classifier.refit_from
    try:
        classifier = load_classifier(documents)
        learner = learner_of(documents, classifier, outcomes, cards, prompts)
        learner.put_in_force()
    except ArtifactError as error:
        raise click.ClickException(str(error)) from error
    if only is not None and only not in classifier.abilities:
        known = ", ".join(classifier.abilities)
        raise click.ClickException(f"there is no ability {only!r}; there are: {known}")
    for name in [only] if only else classifier.abilities:
        verdict = learner.refit(name)
        if verdict is None:
            since = cards.rolled_back(name)
            count = len(outcomes.fair(name, least, classifier.version, since))
            when = " since it was rolled back" if since else ""
            say(f"{name}: kept; {count} outcomes{when}, {least} are worth a try")
        else:
            done = "promoted" if verdict.promoted else "kept"
            say(f"{name}: {done}; {verdict.reason}")
    prompts.close()
    outcomes.close()


def _show(cards: CardStore) -> None:
    history = cards.history()
    if not history:
        say("No card was ever refitted: the shipped ones are in force.", err=True)
        return
    for card in history:
        when = datetime.fromtimestamp(card.at / 1000, UTC)
        state = ", in force" if card.active else ""
        say(f"{card.name} {card.number}, promoted {when:%Y-%m-%d %H:%M} UTC{state}")
        say(f"  {card.reason}")


def _roll_back(cards: CardStore, name: str) -> None:
    number = cards.roll_back(name, at=time.time_ns() // 1_000_000)
    if number is None:
        raise click.ClickException(f"no refitted card of {name!r} is in force")
    first = "the card that ships, or that `classifier.cards` names,"
    say(f"{name}: {f'card number {number}' if number else first} is in force")
    say("Outcomes from before now teach this card no more.", err=True)


@click.command("recalibrate")
@config_option
@click.option("--ability", help="Only this card; default: every card.")
@click.option("--history", is_flag=True, help="Show the cards that were ever in force instead.")
@click.option("--roll-back", metavar="ABILITY", help="Put the card that was in force before back.")
def recalibrate_cards(
    config_path: Path, ability: str | None, history: bool, roll_back: str | None
) -> None:
    """Refit ability cards on the outcomes of feedback, verifiers and audits.

    A new card is promoted only if it forecasts held-back outcomes better than the present one by
    more than the noise; otherwise it is refused, and why is said. Running gateways follow within
    seconds. They also try by themselves: see `classifier.refit_every` in turnout.yaml.
    """
    if roll_back is not None and (history or ability):
        raise click.UsageError("--roll-back stands alone: it names its ability itself")
    documents = documents_or_end(config_path)
    with opened(documents, CardStore) as cards:
        if roll_back is not None:
            _roll_back(cards, roll_back)
        elif history:
            _show(cards)
        else:
            _refit(documents, cards, ability)
