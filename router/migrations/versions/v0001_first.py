"""The tables of the first release with versions; `make revision ARGS=--renew` wrote it.

Older tables of ours are taken over: see Adoption.
"""

import sqlalchemy as sa
from alembic import op

from router.migrations.adoption import Adoption

revision = "0001"
down_revision = None

# The columns that tables lack which were made before they had a version.
LATER = {
    "api_keys": [
        "name",
        "tags",
        "expires_at",
        "routes",
        "models",
        "limits",
        "replaced_by",
        "last_used_at",
        "created_by",
        "version",
        "changed",
    ],
    "organizations": ["tags", "limits", "raised", "version", "changed"],
    "teams": ["tags", "limits", "version"],
    "usage": [
        "period",
        "run",
        "credential",
        "cache_write_tokens",
        "counts",
        "baseline",
        "baseline_pico",
        "service_tier",
    ],
}


def upgrade() -> None:
    """Make what is lacking."""
    tables = Adoption(LATER)

    tables.create_table(
        "ability_cards",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("classifier", sa.String(length=64), nullable=False),
        sa.Column("card", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(length=512), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number"),
    )
    tables.create_table(
        "admin_answers",
        sa.Column("credential", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("asked", sa.LargeBinary(length=32), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("credential", "key"),
    )
    tables.create_index("admin_answers_claimed_at", "admin_answers", ["claimed_at"], unique=False)
    tables.create_table(
        "admin_credentials",
        sa.Column("credential", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=300), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("credential"),
        sa.UniqueConstraint("hash"),
    )
    tables.create_table(
        "admin_sessions",
        sa.Column("session", sa.String(length=40), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("group_name", sa.String(length=256), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session"),
        sa.UniqueConstraint("hash"),
    )
    tables.create_index("admin_sessions_expires_at", "admin_sessions", ["expires_at"], unique=False)
    tables.create_table(
        "alert_claims",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    tables.create_table(
        "alert_deliveries",
        sa.Column("alert", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("said", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("alert", "destination"),
    )
    tables.create_index(
        "alert_deliveries_due", "alert_deliveries", ["state", "next_at"], unique=False
    )
    tables.create_table(
        "alert_destinations_disabled",
        sa.Column("destination", sa.String(length=128), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("destination"),
    )
    tables.create_table(
        "alerts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_index("alerts_at", "alerts", ["at"], unique=False)
    tables.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("team", sa.String(length=128), nullable=True),
        sa.Column("tier", sa.String(length=128), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("routes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("models", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("limits", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("replaced_by", sa.String(length=40), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.String(length=300), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("key_hash"),
    )
    tables.create_index("api_keys_changed", "api_keys", ["changed"], unique=False)
    tables.create_index("api_keys_organization", "api_keys", ["organization"], unique=False)
    tables.create_index("api_keys_revoked_at", "api_keys", ["revoked_at"], unique=False)
    tables.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=300), nullable=False),
        sa.Column("credential", sa.String(length=100), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=1000), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    tables.create_index("audit_log_at", "audit_log", ["at"], unique=False)
    tables.create_index(
        "audit_log_organization", "audit_log", ["organization", "seq"], unique=False
    )
    tables.create_table(
        "card_attempts",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    tables.create_table(
        "card_rollbacks",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "number"),
    )
    tables.create_table(
        "credits",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=300), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "organization"),
    )
    tables.create_index("credits_organization", "credits", ["organization", "at"], unique=False)
    tables.create_table(
        "customers_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_table(
        "decision_records",
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("denied", sa.String(length=64), nullable=True),
        sa.Column("level", sa.String(length=32), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("decision"),
    )
    tables.create_index("decision_records_at", "decision_records", ["at"], unique=False)
    tables.create_index(
        "decision_records_denied",
        "decision_records",
        ["organization", "at"],
        unique=False,
        sqlite_where=sa.text("denied IS NOT NULL"),
        postgresql_where=sa.text("denied IS NOT NULL"),
    )
    tables.create_index(
        "decision_records_organization", "decision_records", ["organization", "at"], unique=False
    )
    tables.create_table(
        "decisions",
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("backend", sa.String(length=128), nullable=False),
        sa.Column("ability", sa.String(length=128), nullable=False),
        sa.Column("predicted", sa.Float(), nullable=False),
        sa.Column("classifier", sa.String(length=64), nullable=False),
        sa.Column("z", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("decision"),
    )
    tables.create_index("decisions_at", "decisions", ["at"], unique=False)
    tables.create_table(
        "ledger_epoch",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    tables.create_table(
        "ledger_limits",
        sa.Column("process", sa.String(length=8), nullable=False),
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("process", "since"),
    )
    tables.create_table(
        "organizations",
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("tier", sa.String(length=128), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=True),
        sa.Column("billing_day", sa.Integer(), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("limits", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("raised", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("suspended_at", sa.BigInteger(), nullable=True),
        sa.Column("suspended_why", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("changed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("organization"),
    )
    tables.create_index("organizations_changed", "organizations", ["changed"], unique=False)
    tables.create_index("organizations_tier", "organizations", ["tier"], unique=False)
    tables.create_table(
        "outcome_prompts",
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("decision"),
    )
    tables.create_index("outcome_prompts_at", "outcome_prompts", ["at"], unique=False)
    tables.create_table(
        "outcomes",
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("backend", sa.String(length=128), nullable=False),
        sa.Column("ability", sa.String(length=128), nullable=False),
        sa.Column("predicted", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("classifier", sa.String(length=64), nullable=False),
        sa.Column("z", sa.LargeBinary(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("decision", "source", "by"),
    )
    tables.create_index("outcomes_ability", "outcomes", ["ability", "at"], unique=False)
    tables.create_table(
        "owned_resources",
        sa.Column("id", sa.String(length=256), nullable=False),
        sa.Column("family", sa.String(length=32), nullable=False),
        sa.Column("backend", sa.String(length=128), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("bound", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.String(length=256), nullable=False),
        sa.Column("hold", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", "family"),
    )
    tables.create_index("owned_resources_look_at", "owned_resources", ["look_at"], unique=False)
    tables.create_index(
        "owned_resources_organization",
        "owned_resources",
        ["organization", "family", "kind", "at"],
        unique=False,
    )
    tables.create_table(
        "provider_credentials",
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("backend", sa.String(length=128), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.Column("fallback", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=300), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("refused_at", sa.BigInteger(), nullable=True),
        sa.Column("refused_why", sa.String(length=64), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "backend"),
    )
    tables.create_table(
        "stored_conversation_items",
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.String(length=128), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("conversation", "position"),
        sa.UniqueConstraint("conversation", "item"),
    )
    tables.create_table(
        "stored_conversations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_index(
        "stored_conversations_expires_at", "stored_conversations", ["expires_at"], unique=False
    )
    tables.create_index(
        "stored_conversations_organization",
        "stored_conversations",
        ["organization", "used_at", "bytes"],
        unique=False,
    )
    tables.create_table(
        "stored_events",
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("response", sa.String(length=64), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("response", "first"),
    )
    tables.create_table(
        "stored_items",
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("item", sa.String(length=128), nullable=False),
        sa.Column("response", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization", "item"),
    )
    tables.create_index("stored_items_response", "stored_items", ["response"], unique=False)
    tables.create_table(
        "stored_responses",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_index(
        "stored_responses_expires_at", "stored_responses", ["expires_at"], unique=False
    )
    tables.create_index(
        "stored_responses_organization",
        "stored_responses",
        ["organization", "at", "bytes"],
        unique=False,
    )
    tables.create_table(
        "stored_runs",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_index("stored_runs_organization", "stored_runs", ["organization"], unique=False)
    tables.create_table(
        "teams",
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("team", sa.String(length=128), nullable=False),
        sa.Column("parent", sa.String(length=128), nullable=True),
        sa.Column("tags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("limits", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("organization", "team"),
    )
    tables.create_table(
        "usage",
        sa.Column("hold_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("admitted_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=True),
        sa.Column("request_id", sa.String(length=128), nullable=True),
        sa.Column("organization", sa.Text(), nullable=False),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("end_user", sa.String(length=64), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("run", sa.String(length=128), nullable=True),
        sa.Column("asked", sa.Text(), nullable=True),
        sa.Column("operation", sa.String(length=64), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("backend", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("credential", sa.String(length=8), nullable=True),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column(
            "cache_write_tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False
        ),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("cost_pico", sa.BigInteger(), nullable=False),
        sa.Column("baseline", sa.Text(), nullable=True),
        sa.Column("baseline_pico", sa.BigInteger(), nullable=True),
        sa.Column("price_version", sa.Text(), nullable=True),
        sa.Column("service_tier", sa.Text(), nullable=True),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("busy_ms", sa.BigInteger(), nullable=False),
        sa.Column("energy_mj", sa.BigInteger(), nullable=True),
        sa.Column("energy_source", sa.String(length=16), nullable=True),
        sa.Column("predicted", sa.Float(), nullable=True),
        sa.Column("verifier", sa.String(length=120), nullable=True),
        sa.Column("rejected_pico", sa.BigInteger(), nullable=True),
        sa.Column("judge_pico", sa.BigInteger(), nullable=True),
        sa.Column("direct_pico", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hold_id", "seq"),
    )
    tables.create_index("usage_by_admission", "usage", ["admitted_at"], unique=False)
    tables.create_index("usage_by_day", "usage", ["day"], unique=False)
    tables.create_index(
        "usage_by_organization", "usage", ["organization", "admitted_at"], unique=False
    )
    tables.create_table(
        "usage_rolled",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rolled", sa.BigInteger(), nullable=False),
        sa.Column("pruned", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    tables.create_table(
        "usage_rollups",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("team", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("end_user", sa.Text(), nullable=True),
        sa.Column("tier", sa.Text(), nullable=True),
        sa.Column("asked", sa.Text(), nullable=True),
        sa.Column("operation", sa.Text(), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("backend", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("service_tier", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("baseline", sa.Text(), nullable=True),
        sa.Column("verifier", sa.Text(), nullable=True),
        sa.Column("energy_source", sa.Text(), nullable=True),
        sa.Column("process", sa.Text(), nullable=True),
        sa.Column("served", sa.Integer(), nullable=True),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("first_hold", sa.String(length=40), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("characters", sa.BigInteger(), nullable=False),
        sa.Column("searches", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("busy_ms", sa.BigInteger(), nullable=False),
        sa.Column("energy_mj", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("uncompared", sa.BigInteger(), nullable=False),
        sa.Column("metered", sa.BigInteger(), nullable=False),
        sa.Column("judged", sa.BigInteger(), nullable=False),
        sa.Column("predicted_nano", sa.BigInteger(), nullable=False),
        sa.Column("cost_pico_high", sa.BigInteger(), nullable=False),
        sa.Column("cost_pico_low", sa.BigInteger(), nullable=False),
        sa.Column("baseline_pico_high", sa.BigInteger(), nullable=False),
        sa.Column("baseline_pico_low", sa.BigInteger(), nullable=False),
        sa.Column("rejected_pico_high", sa.BigInteger(), nullable=False),
        sa.Column("rejected_pico_low", sa.BigInteger(), nullable=False),
        sa.Column("judge_pico_high", sa.BigInteger(), nullable=False),
        sa.Column("judge_pico_low", sa.BigInteger(), nullable=False),
        sa.Column("direct_pico_high", sa.BigInteger(), nullable=False),
        sa.Column("direct_pico_low", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    tables.create_index("usage_rollups_day", "usage_rollups", ["day"], unique=False)
    tables.create_index("usage_rollups_hour", "usage_rollups", ["hour"], unique=False)
    tables.create_index(
        "usage_rollups_organization", "usage_rollups", ["organization", "day"], unique=False
    )

    tables.carry_out(op.get_bind())
