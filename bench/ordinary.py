"""What one would write with Strawberry, its DataLoader and SQLAlchemy's ORM, as their documentation shows."""

import os
import uuid
from collections import defaultdict
from typing import Any

import strawberry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.types import Info

engine = create_async_engine(
    "postgresql+asyncpg://", connect_args={"dsn": os.environ["TMFGRAPH_DATABASE_URL"]}, pool_size=10
)
Session = async_sessionmaker(engine, expire_on_commit=False)


# ---- models -------------------------------------------------------------------------------------


class Base(DeclarativeBase):
    pass


class ProductOrderRow(Base):
    __tablename__ = "product_order"
    key: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str]
    state: Mapped[str | None]
    category: Mapped[str | None]
    description: Mapped[str | None]
    order_date: Mapped[str | None]
    priority: Mapped[str | None]
    completion_date: Mapped[str | None]
    expected_completion_date: Mapped[str | None]
    requested_start_date: Mapped[str | None]
    requested_completion_date: Mapped[str | None]


class ServiceOrderRow(Base):
    __tablename__ = "service_order"
    key: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str]
    state: Mapped[str | None]
    category: Mapped[str | None]
    description: Mapped[str | None]
    order_date: Mapped[str | None]
    priority: Mapped[str | None]
    completion_date: Mapped[str | None]
    expected_completion_date: Mapped[str | None]
    requested_start_date: Mapped[str | None]
    start_date: Mapped[str | None]


class ServiceRow(Base):
    __tablename__ = "service"
    key: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str]
    state: Mapped[str | None]
    category: Mapped[str | None]
    description: Mapped[str | None]
    name: Mapped[str | None]
    service_date: Mapped[str | None]
    service_type: Mapped[str | None]
    start_date: Mapped[str | None]
    end_date: Mapped[str | None]
    start_mode: Mapped[str | None]


class ResourceRow(Base):
    __tablename__ = "resource"
    key: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[str]
    name: Mapped[str | None]
    category: Mapped[str | None]
    description: Mapped[str | None]
    operational_state: Mapped[str | None]
    administrative_state: Mapped[str | None]
    resource_status: Mapped[str | None]
    usage_state: Mapped[str | None]
    resource_version: Mapped[str | None]
    start_operating_date: Mapped[str | None]


class ReferenceRow(Base):
    __tablename__ = "reference"
    source_key: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    source_kind: Mapped[str] = mapped_column(primary_key=True)
    relation: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    rank: Mapped[int] = mapped_column(primary_key=True)
    target_key: Mapped[uuid.UUID]
    target_kind: Mapped[str]


# ---- loaders ------------------------------------------------------------------------------------


async def load_service_orders(keys: list[uuid.UUID]) -> list[list[ServiceOrderRow]]:
    return await _pointing_at(ServiceOrderRow, "ServiceOrder", "ProductOrder", keys)


async def load_services(keys: list[uuid.UUID]) -> list[list[ServiceRow]]:
    return await _pointing_at(ServiceRow, "Service", "ServiceOrder", keys)


async def _pointing_at(row: Any, source: str, target: str, keys: list[uuid.UUID]) -> list[list[Any]]:
    statement = (
        select(ReferenceRow.target_key, row)
        .distinct()
        .join(row, row.key == ReferenceRow.source_key)
        .where(ReferenceRow.target_key.in_(keys))
        .where(ReferenceRow.target_kind == target, ReferenceRow.source_kind == source)
        .order_by(row.id)
    )
    found: defaultdict[uuid.UUID, list[Any]] = defaultdict(list)
    async with Session() as session:
        for key, one in (await session.execute(statement)).all():
            found[key].append(one)
    return [found[key] for key in keys]


async def load_supporting_resources(keys: list[uuid.UUID]) -> list[list[ResourceRow]]:
    statement = (
        select(ReferenceRow.source_key, ResourceRow)
        .join(ResourceRow, ResourceRow.key == ReferenceRow.target_key)
        .where(ReferenceRow.source_key.in_(keys), ReferenceRow.source_kind == "Service")
        .where(ReferenceRow.relation == "supportingResource")
        .order_by(ReferenceRow.position)
    )
    found: defaultdict[uuid.UUID, list[ResourceRow]] = defaultdict(list)
    async with Session() as session:
        for key, one in (await session.execute(statement)).all():
            found[key].append(one)
    return [found[key] for key in keys]


# ---- types --------------------------------------------------------------------------------------


@strawberry.type
class Resource:
    id: strawberry.ID
    name: str | None
    category: str | None
    description: str | None
    operational_state: str | None
    administrative_state: str | None
    resource_status: str | None
    usage_state: str | None
    resource_version: str | None
    start_operating_date: str | None

    @classmethod
    def of(cls, row: ResourceRow) -> "Resource":
        return cls(
            id=strawberry.ID(row.id),
            name=row.name,
            category=row.category,
            description=row.description,
            operational_state=row.operational_state,
            administrative_state=row.administrative_state,
            resource_status=row.resource_status,
            usage_state=row.usage_state,
            resource_version=row.resource_version,
            start_operating_date=row.start_operating_date,
        )


@strawberry.type
class Service:
    key: strawberry.Private[uuid.UUID]
    id: strawberry.ID
    state: str | None
    category: str | None
    description: str | None
    name: str | None
    service_date: str | None
    service_type: str | None
    start_date: str | None
    end_date: str | None
    start_mode: str | None

    @strawberry.field
    async def supporting_resource(self, info: Info) -> list[Resource]:
        return [Resource.of(row) for row in await info.context["supporting_resources"].load(self.key)]

    @classmethod
    def of(cls, row: ServiceRow) -> "Service":
        return cls(
            key=row.key,
            id=strawberry.ID(row.id),
            state=row.state,
            category=row.category,
            description=row.description,
            name=row.name,
            service_date=row.service_date,
            service_type=row.service_type,
            start_date=row.start_date,
            end_date=row.end_date,
            start_mode=row.start_mode,
        )


@strawberry.type
class ServiceOrder:
    key: strawberry.Private[uuid.UUID]
    id: strawberry.ID
    state: str | None
    category: str | None
    description: str | None
    order_date: str | None
    priority: str | None
    completion_date: str | None
    expected_completion_date: str | None
    requested_start_date: str | None
    start_date: str | None

    @strawberry.field
    async def services(self, info: Info) -> list[Service]:
        return [Service.of(row) for row in await info.context["services"].load(self.key)]

    @classmethod
    def of(cls, row: ServiceOrderRow) -> "ServiceOrder":
        return cls(
            key=row.key,
            id=strawberry.ID(row.id),
            state=row.state,
            category=row.category,
            description=row.description,
            order_date=row.order_date,
            priority=row.priority,
            completion_date=row.completion_date,
            expected_completion_date=row.expected_completion_date,
            requested_start_date=row.requested_start_date,
            start_date=row.start_date,
        )


@strawberry.type
class ProductOrder:
    key: strawberry.Private[uuid.UUID]
    id: strawberry.ID
    state: str | None
    category: str | None
    description: str | None
    order_date: str | None
    priority: str | None
    completion_date: str | None
    expected_completion_date: str | None
    requested_start_date: str | None
    requested_completion_date: str | None

    @strawberry.field
    async def service_orders(self, info: Info) -> list[ServiceOrder]:
        return [ServiceOrder.of(row) for row in await info.context["service_orders"].load(self.key)]

    @classmethod
    def of(cls, row: ProductOrderRow) -> "ProductOrder":
        return cls(
            key=row.key,
            id=strawberry.ID(row.id),
            state=row.state,
            category=row.category,
            description=row.description,
            order_date=row.order_date,
            priority=row.priority,
            completion_date=row.completion_date,
            expected_completion_date=row.expected_completion_date,
            requested_start_date=row.requested_start_date,
            requested_completion_date=row.requested_completion_date,
        )


@strawberry.type
class Query:
    @strawberry.field
    async def product_order(self, id: strawberry.ID) -> ProductOrder | None:
        async with Session() as session:
            row = await session.scalar(select(ProductOrderRow).where(ProductOrderRow.id == id))
        return ProductOrder.of(row) if row is not None else None

    @strawberry.field
    async def product_orders(self, state: str, first: int = 100) -> list[ProductOrder]:
        statement = (
            select(ProductOrderRow)
            .where(ProductOrderRow.state == state)
            .order_by(ProductOrderRow.id)
            .limit(first)
        )
        async with Session() as session:
            return [ProductOrder.of(row) for row in await session.scalars(statement)]

    @strawberry.field
    async def resources(self, first: int = 100) -> list[Resource]:
        statement = select(ResourceRow).order_by(ResourceRow.id).limit(first)
        async with Session() as session:
            return [Resource.of(row) for row in await session.scalars(statement)]


class App(GraphQL[dict[str, Any], None]):
    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        return {
            "service_orders": DataLoader(load_fn=load_service_orders),
            "services": DataLoader(load_fn=load_services),
            "supporting_resources": DataLoader(load_fn=load_supporting_resources),
        }


app = App(strawberry.Schema(Query), graphql_ide=None)
