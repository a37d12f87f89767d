"""tasks that were put off wait, and digests of requests have a key

Revision 0005, after 0004; 2026-11-25 23:50:00+00:00.
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text(collation="C")


def upgrade() -> None:
    op.create_table(
        "postponed",
        sa.Column("key", sa.Uuid(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, comment="How often it was begun."),
        sa.Column("until", TEXT, nullable=False, comment="When it is tried again."),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it was not done the last time."),
        sa.PrimaryKeyConstraint("key", "kind", name="postponed_pkey"),
        comment="Tasks that were begun and not done.",
    )
    keys = op.create_table(
        "server_key",
        sa.Column("name", TEXT, nullable=False, comment="What it is for."),
        sa.Column("value", sa.Text(), nullable=False, comment="256 random bits, in hexadecimal."),
        sa.PrimaryKeyConstraint("name", name="server_key_pkey"),
        comment="Keys that the servers on this database share, made once.",
    )
    assert keys is not None
    op.bulk_insert(keys, [{"name": "idempotency", "value": secrets.token_hex(32)}])
    # These digests had no key, and were made of passwords too. Their requests are forgotten.
    op.execute("delete from idempotency")


def downgrade() -> None:
    op.execute("delete from idempotency")
    op.drop_table("server_key")
    op.drop_table("postponed")
