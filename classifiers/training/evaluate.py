"""`python -m classifiers evaluate`: how good the classifier is, beside what costs nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from classifiers.artifact import ArtifactError
from classifiers.serving import Classifier
from classifiers.training.dataset import file_digest, read_splits
from classifiers.training.forecasts import LengthAlone, Readings, length_heads, read_split
from classifiers.training.plots import draw_costs, draw_gaps, draw_reliability
from classifiers.training.report import Measurement, show, write_json
from classifiers.training.sections import FewLabels, ranking, three_classes, transfer, zero_shot

AUX: Final = ("dev_mmlu_aux3class", "dev_gsm8k_aux3class")
DEV: Final = ("dev_mmlu", "dev_gsm8k", "dev_transfer", *AUX)
FEW: Final = (
    ("dev_mmlu", 500, {"APGR": ">=0.60"}),
    ("dev_mmlu", 1500, {"APGR": ">=0.63", "CPT50": "<=0.315"}),
    ("dev_gsm8k", 300, {"APGR": ">=0.61"}),
)


@click.command(name="evaluate")
@click.option("--data", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--classifier", "manifest", type=click.Path(path_type=Path), help="default: shipped")
@click.option("--dev", is_flag=True, help="Also unseen traffic, without labels and with a few.")
@click.option(
    "--draws",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Random draws of the few labels.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the lines here.")
@click.option("--plots", type=click.Path(path_type=Path), help="Write PNG files into this folder.")
def main(
    *,
    data: Path,
    manifest: Path | None,
    dev: bool,
    draws: int,
    json_path: Path | None,
    plots: Path | None,
) -> None:
    """Measure the classifier; every value stands beside prompt length alone, with its interval.

    Cards fitted on few labels come from the code that `turnout calibrate` and `turnout recalibrate`
    run. Splits of unverified licence are used for evaluation only.
    """
    note("reading prompts")
    classifier = _loaded(manifest)
    wanted = ("train", "valid", *(DEV if dev else ()))
    outcomes = read_splits(data, wanted, any_licence=True, needed=wanted)
    for name, labels, _ in FEW if dev else ():
        if len(outcomes[name].ids) <= labels:
            raise click.ClickException(f"{name} needs more prompts than the {labels} to be drawn.")
    lengths = length_heads(outcomes.pop("train"))
    splits = {name: read_split(classifier, split) for name, split in outcomes.items()}
    few = dict(_few_labels(classifier, splits, draws)) if dev else {}
    lines = list(_lines(classifier, splits, lengths, few))
    show(lines)
    if json_path is not None:
        about = {"classifier": classifier.version, "data_sha256": file_digest(data), "draws": draws}
        json_path.parent.mkdir(parents=True, exist_ok=True)
        write_json(lines, json_path, about)
    if plots is not None:
        plots.mkdir(parents=True, exist_ok=True)
        draw_reliability(plots / "classifier-reliability.png", splits["valid"], classifier.cards)
        shown = {name: splits[name] for name in ("valid", *(AUX if dev else ()))}
        draw_costs(plots / "classifier-costs.png", shown, classifier.cards, lengths)
        if few:
            titled = {f"{name}, {labels} labels": tried for (name, labels), tried in few.items()}
            draw_gaps(plots / "classifier-gaps.png", titled)


def note(what: str) -> None:
    """Tell on standard error what is going on: the whole takes minutes."""
    click.echo(f"... {what}", err=True)


def _loaded(manifest: Path | None) -> Classifier:
    try:
        return Classifier.load(manifest, device="cpu")
    except ArtifactError as error:
        raise click.ClickException(str(error)) from None


def _few_labels(
    classifier: Classifier, splits: dict[str, Readings], draws: int
) -> Iterator[tuple[tuple[str, int], FewLabels]]:
    for name, labels, _ in FEW:
        note(f"fitting cards on {labels} labels of {name}, {draws} times")
        yield (name, labels), FewLabels(splits[name], classifier.cards, labels, draws)


def _lines(
    classifier: Classifier,
    splits: dict[str, Readings],
    lengths: dict[str, LengthAlone],
    few: dict[tuple[str, int], FewLabels],
) -> Iterator[Measurement]:
    cards = classifier.cards
    note("ranking and calibration")
    yield from ranking(splits["valid"], cards, lengths)
    note("three classes")
    yield from three_classes("valid", splits["valid"], cards, lengths, targets=True)
    if not few:
        return
    note("few labels")
    for name, labels, targets in FEW:
        yield from few[name, labels].lines(name, labels, targets)
    note("unseen traffic")
    for name in ("dev_mmlu", "dev_gsm8k", "dev_transfer"):
        yield from zero_shot(name, splits[name], cards)
    yield from transfer(splits["dev_transfer"], cards, lengths)
    for name in AUX:
        yield from three_classes(f"{name}, zero-shot", splits[name], cards, lengths, targets=False)
