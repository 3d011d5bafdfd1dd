"""`turnout explain`: one request, and why it goes where it goes."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from policies.explain import explain as explain_decision
from policies.explain import render_explanation
from policies.findings import DocumentError
from policies.policy import Policy
from router.cli.common.decision_words import decision_words
from router.cli.common.documents import documents_or_end, end_with_findings
from router.cli.common.explain_sources import (
    Asked,
    document_of_flags,
    fact_options,
    from_chat,
    from_example,
    from_log,
    from_path,
    read_request,
    tiers_of,
)
from router.cli.common.policies import policy_or_end
from router.cli.common.saying import say, say_json
from router.database import DatabaseError
from router.decisions.store import DecisionStore
from router.decisions.told import decision_document
from router.pipeline.response_headers import DECISION
from router.settings import CONFIG
from router.world.documents import Documents
from router.world.snapshot import Snapshot, compile_snapshot

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--policy", "policy_name", help="A policy file, or a shipped policy's name.")
@click.option(
    "--config", "config_path", type=_FILE, help="turnout.yaml: its policy and its prices."
)
@click.option("--request", "request_path", type=_FILE, help="A chat request, or a probe-like file.")
@click.option(
    "--path", help="A path that turnout.yaml declares, as a client asks it; with --config."
)
@click.option("--method", default="POST", show_default=True, help="The method at --path.")
@click.option(
    "--log",
    "log_path",
    type=_FILE,
    help="A decision log; decides --id of it again.",
)
@click.option("--id", "decision_id", help=f"A past decision: the header {DECISION}.")
@click.option("--model", help="What the client sends as model; default: the policy's first route.")
@click.option("--tier", help="The customer's tier; default: the policy's first.")
@click.option("--success", multiple=True, help="P(success): local=0.4,moe=0.8; none: unknown.")
@click.option("--cost", multiple=True, help="Expected cost in USD: local=0.0001,moe=0.002.")
@click.option("--budget", multiple=True, help="Used share of quotas: month=0.9.")
@click.option("--tag", "tags", multiple=True, help="A tag of the key.")
@click.option("--previous", default="", help="The backend that served this conversation last.")
@fact_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def explain(policy_name: str | None, config_path: Path | None, as_json: bool, **flags: Any) -> None:
    """Say why a request goes where it goes: each rule, each candidate, the winner.

    The request comes from the flags; from --request FILE (a chat request, which needs --config and
    is classified here, or a description of one like a probe); from --path, a path that turnout.yaml
    declares; or from --log FILE --id ID, which decides it again by a policy of today.

    With --id ID alone it says what was decided then, at whichever gateway, and what became of it:
    each try, outcome, tokens, cost and time, or by which limit it was denied. It looks into the
    database of --config (default: turnout.yaml).
    """
    if flags["decision_id"] is not None and flags["log_path"] is None:
        _say_decision(config_path or _usual_config(), flags["decision_id"], as_json=as_json)
        return
    documents = documents_or_end(config_path) if config_path is not None else None
    world = _world(documents) if documents is not None else None
    policy = _policy(policy_name, documents)
    flags["model"] = flags["model"] or next(iter(policy.routes))
    if flags["tier"] is None:
        flags["tier"] = tiers_of(policy)[0]
    request = _asked(flags, policy, documents, world)
    explanation = explain_decision(policy, request.signals, request.hints)
    if request.decided_by not in ("", policy.version):
        note = f"decided then by policy {request.decided_by}; explained by {policy.version}"
        say(note, err=True)
    if as_json:
        say_json(json.dumps(explanation.as_json(), indent=2))
    else:
        say(render_explanation(explanation, colour=sys.stdout.isatty()))


def _usual_config() -> Path:
    return Path(os.environ.get(CONFIG, "turnout.yaml"))


def _say_decision(config_path: Path, id_: str, *, as_json: bool) -> None:
    """Print what the database has of a decision. Raises click.ClickException."""
    if not config_path.is_file():
        raise click.UsageError("--id needs --config, whose database has it, or --log")
    documents = documents_or_end(config_path)
    try:
        store = DecisionStore(documents.database)
        try:
            told = decision_document(store, id_)
        finally:
            store.close()
    except DatabaseError as error:
        raise click.ClickException(str(error)) from None
    if told is None:
        raise click.ClickException(
            f"no gateway kept a decision {id_}: it is older than `decisions.store_for`, is no id of"
            f" {DECISION}, or `decisions.store` leaves it out"
        )
    if as_json:
        say_json(json.dumps(told, indent=2))
    else:
        say(decision_words(told))


def _policy(name: str | None, documents: Documents | None) -> Policy:
    if name is not None:
        return policy_or_end(name)
    if documents is None:
        raise click.UsageError("give --policy or --config")
    return documents.policy


def _world(documents: Documents) -> Snapshot:
    try:
        return compile_snapshot(documents.loaded, documents.policy)
    except DocumentError as error:
        end_with_findings(error)


def _asked(
    flags: dict[str, Any], policy: Policy, documents: Documents | None, world: Snapshot | None
) -> Asked:
    log, decision, request = flags["log_path"], flags["decision_id"], flags["request_path"]
    if (log is None) != (decision is None):
        raise click.UsageError("--log needs --id")
    if log is not None:
        return from_log(log, decision)
    if flags["path"] is not None:
        if documents is None or world is None:
            raise click.UsageError("--path needs --config, which declares it")
        return from_path(flags["method"], flags["path"], documents, world, flags["tier"])
    if request is None:
        return from_example(policy, document_of_flags(flags), world)
    raw, document = read_request(request)
    if document is not None:
        return from_example(policy, document, world)
    if documents is None or world is None:
        raise click.UsageError("a chat request needs --config, for its classifier and prices")
    return from_chat(raw, documents, world, flags["tier"])
