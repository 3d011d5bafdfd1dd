"""customers"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """customers"""

    op.create_table(
        "credits",
        sa.Column("id", sa.String(length=128), nullable=False),
        sa.Column("organization", sa.String(length=128), nullable=False),
        sa.Column("amount_nano", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=300), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "organization"),
    )
    with op.batch_alter_table("credits", schema=None) as batch_op:
        batch_op.create_index("credits_organization", ["organization", "at"], unique=False)

    op.create_table(
        "customers_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
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
    with op.batch_alter_table("organizations", schema=None) as batch_op:
        batch_op.create_index("organizations_changed", ["changed"], unique=False)
        batch_op.create_index("organizations_tier", ["tier"], unique=False)

    op.create_table(
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
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=128), nullable=True))
        batch_op.add_column(sa.Column("tags", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("expires_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("routes", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("models", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("limits", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("replaced_by", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("last_used_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("created_by", sa.String(length=300), nullable=True))
        batch_op.add_column(
            sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("changed", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.create_index("api_keys_changed", ["changed"], unique=False)
        batch_op.create_index("api_keys_organization", ["organization"], unique=False)
