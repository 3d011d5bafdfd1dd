"""Trains a spaCy pipeline of a few hundred kilobytes on a few dozen sentences, and writes it.

`python small_pipeline.py FOLDER`. It knows persons and places by how sentences speak of them, so
that names which it never saw are found as well; that is all that a test of Presidio needs.
"""

import random
import sys

import spacy
from spacy.training import Example

PERSONS = (
    *("Anna Schmidt", "Peter Miller", "Maria Lopez", "John Carter", "Yuki Tanaka", "Omar Haddad"),
    *("Lucy Brown", "Ivan Petrov", "Sofia Rossi", "Tom Baker", "Nina Weber", "Carl Jensen"),
)
PLACES = (
    "Berlin",
    "Madrid",
    "Tokyo",
    "Cairo",
    "Boston",
    "Oslo",
    "Lima",
    "Quebec",
    "Vienna",
    "Rome",
)
SENTENCES = (
    "My name is {p} and I live in {l}.",
    "Please write to {p} about the contract.",
    "{p} moved from {l} last year.",
    "Dear {p}, thank you for your letter.",
    "The meeting with {p} is in {l}.",
    "Please write a function that sorts a list.",
    "Thank you for the letter about the contract.",
    "Why is the sky blue?",
    "Summarize the meeting of last year in three points.",
)
ROUNDS = 12


def example(nlp, draw: random.Random) -> Example:
    text, entities = draw.choice(SENTENCES), []
    for mark, names, label in (("{p}", PERSONS, "PERSON"), ("{l}", PLACES, "GPE")):
        if mark in text:
            name = draw.choice(names)
            text = text.replace(mark, name)
            entities.append((name, label))
    spans = [(text.index(name), text.index(name) + len(name), label) for name, label in entities]
    return Example.from_dict(nlp.make_doc(text), {"entities": spans})


def main(folder: str) -> None:
    draw, nlp = random.Random(18), spacy.blank("en")
    spacy.util.fix_random_seed(18)
    nlp.add_pipe("ner")
    examples = [example(nlp, draw) for _ in range(120)]
    nlp.initialize(lambda: examples)
    for _ in range(ROUNDS):
        draw.shuffle(examples)
        for batch in spacy.util.minibatch(examples, 16):
            nlp.update(batch, drop=0.2)
    nlp.to_disk(folder)


if __name__ == "__main__":
    main(sys.argv[1])
