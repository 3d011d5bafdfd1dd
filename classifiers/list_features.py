"""`python -m classifiers features`: the lexical features, as the table has them."""

from collections.abc import Iterator, Mapping

import click

from classifiers.text.feature_table import AROUND, OF_ANY_TEXT, ONE, Bound, Feature, Scale
from classifiers.text.lexical_features import FEATURES_VERSION, LEXICAL
from classifiers.text.reading import READS_IN


@click.command(name="features")
def main() -> None:
    """List the lexical features in their order, then the measures they are made of."""
    click.echo(f"{len(LEXICAL.features)} features, version {FEATURES_VERSION}, read in {READS_IN}")
    for feature in LEXICAL.features:
        click.echo(f"  {feature.name} = {formula(feature)}")
    click.echo("Measures, of the final text where nothing else is said:")
    for name, how in measures():
        click.echo(f"  {name}: {how}")


def formula(feature: Feature) -> str:
    """How a feature is made of its measures."""
    share = feature.measure if feature.per == ONE else f"{feature.measure} / {feature.per}"
    scaled = {Scale.SHARE: share, Scale.LOG: f"log(1 + {share})", Scale.FLAG: f"{share} > 0"}
    return scaled[feature.scale] + ("" if feature.when == ONE else f", if {feature.when}, else 0")


def measures() -> Iterator[tuple[str, str]]:
    """Every measure of the table, and how it is taken."""
    for name in AROUND:
        yield name, "given beside the text"
    for name in OF_ANY_TEXT:
        yield name, "counted in any text"
    for coded in LEXICAL.coded:
        for name in coded.names:
            yield name, f"{coded.read.__module__}.{coded.read.__name__}"
    for name, words in LEXICAL.words.items():
        yield name, f"words among {' '.join(sorted(words))}"
    for name, ranges in LEXICAL.characters.items():
        yield (
            name,
            "characters " + ", ".join(f"U+{low:04X} to U+{high:04X}" for low, high in ranges),
        )
    for name, phrases in LEXICAL.phrases.items():
        yield name, f"occurrences of {' or '.join(map(repr, phrases))}"
    for name, terms in LEXICAL.sums.items():
        yield name, _sum_of(terms)
    for name, bounds in LEXICAL.conditions.items():
        yield name, " and ".join(map(_bound, bounds))


def _sum_of(terms: Mapping[str, int]) -> str:
    parts = " ".join(f"{factor:+d} {measure}" for measure, factor in terms.items())
    return f"{parts}, not below 0"


def _bound(bound: Bound) -> str:
    share = bound.measure if bound.per == ONE else f"{bound.measure} / {bound.per}"
    least = "" if bound.least == float("-inf") else f"{bound.least:g} <= "
    return least + share + ("" if bound.most == float("inf") else f" <= {bound.most:g}")
