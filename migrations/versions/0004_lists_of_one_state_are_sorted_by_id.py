"""lists of one state are sorted by id

Revision 0004, after 0003; 2026-11-24 12:44:12.872946+00:00.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATES = {
    "status": (
        "appointment",
        "customer",
        "digital_identity",
        "export_job",
        "import_job",
        "individual",
        "organization",
        "party_role",
        "product",
        "search_time_slot",
        "usage",
    ),
    "state": (
        "cancel_product_order",
        "cancel_resource_order",
        "cancel_service_order",
        "customer_bill",
        "customer_bill_on_demand",
        "monitor",
        "product_order",
        "resource_activation",
        "resource_order",
        "service",
        "service_activation",
        "service_order",
    ),
    "lifecycle_status": (
        "catalog",
        "category",
        "product_offering",
        "product_offering_price",
        "product_specification",
        "usage_specification",
    ),
    "resource_status": ("resource",),
}
"""By column, the tables of entities that have states in it."""


def upgrade() -> None:
    for column, tables in STATES.items():
        for table in tables:
            op.drop_index(f"{table}_{column}", table_name=table)
            op.create_index(f"{table}_{column}_id", table, [column, "id"], unique=False)


def downgrade() -> None:
    for column, tables in STATES.items():
        for table in tables:
            op.drop_index(f"{table}_{column}_id", table_name=table)
            op.create_index(f"{table}_{column}", table, [column], unique=False)
