"""`turnout check`: everything `serve` would refuse, without serving."""

from pathlib import Path

import click

from policies.findings import DocumentError
from router.cli.documents import config_option, end_with_findings, read_documents
from router.pipeline.snapshot import compile_snapshot


@click.command()
@config_option
def check(config_path: Path) -> None:
    """Check turnout.yaml and its policy without serving.

    Every mistake is listed as file:line:column with what to write instead. Exit code 0 when there
    is none, 2 otherwise.
    """
    documents = read_documents(config_path)
    try:
        world = compile_snapshot(documents.config, documents.policy)
    except DocumentError as error:
        end_with_findings(error)
    click.echo(
        f"{config_path}: ok: {len(world.backends)} backends, "
        f"{len(world.policy.routes)} routes, {len(world.policy.tiers)} tiers, "
        f"policy {world.policy.version}"
    )
