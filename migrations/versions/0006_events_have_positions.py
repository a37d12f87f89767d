"""events have positions

Revision 0006, after 0005; 2026-11-26 02:08:56.639978+00:00.

Stop the servers of the version before: what they write later gets no position. The events that are there
are numbered in the order of time, in one transaction: 10 s and 116 MB for a million on two busy cores.
"""

import logging
import uuid

import sqlalchemy as sa
from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BATCH = 10_000
log = logging.getLogger("tmfgraph.migrate")

# The events behind one of them, in the order of time, are numbered on from what the counter says.
NUMBER = """
    with batch as (
        select time, entity_key, entity_kind, revision,
            (select value from counter) + row_number() over (order by time, entity_key, entity_kind, revision) as position
        from (
            select time, entity_key, entity_kind, revision from event
            where (time, entity_key, entity_kind, revision) > (:time, cast(:key as uuid), :kind, :revision)
            order by time, entity_key, entity_kind, revision limit cast(:batch as bigint)
        ) following
    ), numbered as (
        insert into stream (position, entity_key, entity_kind, revision, moment, quiet)
        select position, entity_key, entity_kind, revision, cast(time as timestamptz), true from batch
    ), counted as (
        update counter set value = last.position, moment = cast(last.time as timestamptz)
        from (select position, time from batch order by position desc limit 1) last
    )
    select time, entity_key, entity_kind, revision, position from batch order by position desc limit 1
"""

# Where a clock was set back, revisions of an entity change places with each other.
IN_ORDER = """
    with numbered as (
        select entity_key, entity_kind, revision, position,
            row_number() over (partition by entity_key, entity_kind order by position) as place,
            row_number() over (partition by entity_key, entity_kind order by revision) as right_place
        from stream
    ), wrong as (select * from numbered where place <> right_place)
    update stream set revision = wrong.revision
    from wrong join wrong there
        on (there.entity_key, there.entity_kind, there.place) = (wrong.entity_key, wrong.entity_kind, wrong.right_place)
    where stream.position = there.position
"""


def _number_what_is_there() -> None:
    last: tuple[str, uuid.UUID, str, int] = ("", uuid.UUID(int=0), "", 0)
    if context.is_offline_mode():
        op.execute(_following(last, None))
    else:
        connection = op.get_bind()
        while (found := connection.execute(_following(last, BATCH)).first()) is not None:
            time, key, kind, revision_, position = found
            last = (time, key, kind, revision_)
            log.info("%s events are numbered", f"{position:,}")
    op.execute(IN_ORDER)


def _following(last: tuple[str, uuid.UUID, str, int], batch: int | None) -> sa.TextClause:
    names = ("time", "key", "kind", "revision")
    given = {name: str(value) if name == "key" else value for name, value in zip(names, last, strict=True)}
    return sa.text(NUMBER).bindparams(**given, batch=batch)


def upgrade() -> None:
    op.create_table(
        "counter",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False, comment="1."),
        sa.Column("value", sa.BigInteger(), nullable=False, comment="The last position that was given."),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False, comment="When it was given."),
        sa.PrimaryKeyConstraint("id", name=op.f("counter_pkey")),
        comment="How far events are numbered.",
    )
    op.create_table(
        "pending",
        sa.Column("entity_key", sa.Uuid(), nullable=False),
        sa.Column("entity_kind", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "quiet",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whether it is no news: it came with a load.",
        ),
        comment="Events to be numbered.",
    )
    op.create_table(
        "stream",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity_key", sa.Uuid(), nullable=False),
        sa.Column("entity_kind", sa.Text(collation="C"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column(
            "moment",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When it was numbered: the same for all that were numbered together; never goes back.",
        ),
        sa.Column(
            "quiet",
            sa.Boolean(),
            nullable=False,
            comment="Whether it is no news: it came with a load, or is older than positions.",
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("stream_pkey")),
        comment="Events by position.",
    )
    # Its rows live for some milliseconds, so there are always more dead ones than others.
    op.execute(
        "alter table pending set (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0)"
    )
    # Without a key, a table that is replicated to another database says so; it costs nothing elsewhere.
    op.execute("alter table pending replica identity full")
    op.execute("insert into counter (id, value, moment) values (1, 0, timestamptz '1970-01-01 00:00:00Z')")
    op.execute("lock table event in share mode")
    _number_what_is_there()


def downgrade() -> None:
    op.drop_table("stream")
    op.drop_table("pending")
    op.drop_table("counter")
