"""Runs the migrations: on the connection that tmfgraph.migrate gives, or for the `alembic` command."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.rewriter import Rewriter
from alembic.operations import ops

from models import WHOLE
from models.tables import tables
from tmfgraph import database, migrate
from tmfgraph.settings import Settings

rewriter = Rewriter()


@rewriter.rewrites(ops.CreateTableOp)
def keep_documents_out_of_line(
    context: Any, revision: Any, op: ops.CreateTableOp
) -> list[ops.MigrateOperation]:
    """Whole documents are stored apart from the columns, uncompressed: graph reads never touch them."""
    if not any(isinstance(column, sa.Column) and column.name == "document" for column in op.columns):
        return [op]
    table = f'alter table "{op.table_name}"'
    return [
        op,
        ops.ExecuteSQLOp(f"{table} set (toast_tuple_target = 512)"),
        ops.ExecuteSQLOp(f"{table} alter column document set storage external"),
    ]


def run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables(WHOLE),
        compare_type=True,
        process_revision_directives=rewriter,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_alone(connection: sa.Connection) -> None:
    migrate.lock(connection)
    run(connection)


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
elif context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=tables(WHOLE), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with database.opened(Settings.read()) as dsn:
        database.run(dsn, run_alone)
