"""`turnout schema`: JSON Schemas for editors."""

import click

from policies.language.schema import SCHEMAS, schema_text
from router.cli.common.saying import say


@click.command()
@click.argument("document", type=click.Choice(sorted(SCHEMAS)), default="policy")
def schema(document: str) -> None:
    """Print the JSON Schema of a policy (or of its probes), for editors that complete and check.

    The same files are published in docs/schema.
    """
    say(schema_text(document), nl=False)
