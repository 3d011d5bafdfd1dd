"""What `turnout check` says of prices that leave something out."""

from policies.findings import Finding
from policies.language.source import parse
from router.world.documents import Documents


def rate_findings(documents: Documents) -> list[Finding]:
    """A mistake for each backend whose answers may count by what its price does not say."""
    source = parse(documents.config_path.read_text("utf-8"), str(documents.config_path))
    findings = []
    for name, missing in documents.loaded.missing.items():
        keys = ", ".join(f"`{each.key}`" for each in missing)
        written = ", ".join(f"{each.key}: {each.perhaps}" for each in missing)
        own = documents.config.backends[name].price is not None
        findings.append(
            source.finding(
                ("backends", name, *(["price"] if own else [])),
                f"the price of `{name}` does not say {keys}, which its answers may count",
                f"write price: {{{written}}}",
                rule="missing-rate",
            )
        )
    return findings
