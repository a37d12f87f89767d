-- The tables of tmfgraph as PostGraphile understands them: each link is a column with a foreign key.
--
-- A view joins a kind with the references that lead from or to it; smart tags declare the keys. PostgreSQL
-- inlines the views, so each level of a query is one index scan of `reference` and one of the kind's key.

drop schema if exists postgraphile cascade;
create schema postgraphile;

create view postgraphile.product_order as
select key, id, state, category, description, order_date, priority, completion_date, expected_completion_date,
    requested_start_date, requested_completion_date
from public.product_order;
comment on view postgraphile.product_order is E'@primaryKey key\n@unique id';

create view postgraphile.service_order as
select s.key, s.id, s.state, s.category, s.description, s.order_date, s.priority, s.completion_date,
    s.expected_completion_date, s.requested_start_date, s.start_date, r.target_key as product_order_key
from public.reference r
join public.service_order s on s.key = r.source_key
where r.source_kind = 'ServiceOrder' and r.target_kind = 'ProductOrder' and r.relation = 'externalReference';
comment on view postgraphile.service_order is
    E'@primaryKey key\n'
    '@foreignKey (product_order_key) references product_order (key)'
    '|@foreignFieldName serviceOrders|@foreignSimpleFieldName serviceOrders';

create view postgraphile.service as
select s.key, s.id, s.state, s.category, s.description, s.name, s.service_date, s.service_type, s.start_date,
    s.end_date, s.start_mode, r.target_key as service_order_key
from public.reference r
join public.service s on s.key = r.source_key
where r.source_kind = 'Service' and r.target_kind = 'ServiceOrder' and r.relation = 'serviceOrderItem';
comment on view postgraphile.service is
    E'@primaryKey key\n'
    '@foreignKey (service_order_key) references service_order (key)'
    '|@foreignFieldName services|@foreignSimpleFieldName services';

create view postgraphile.supporting_resource as
select r.source_key as service_key, r.position, t.id, t.name, t.category, t.description, t.operational_state,
    t.administrative_state, t.resource_status, t.usage_state, t.resource_version, t.start_operating_date
from public.reference r
join public.resource t on t.key = r.target_key
where r.source_kind = 'Service' and r.target_kind = 'Resource' and r.relation = 'supportingResource';
comment on view postgraphile.supporting_resource is
    E'@primaryKey service_key,position\n'
    '@foreignKey (service_key) references service (key)'
    '|@foreignFieldName supportingResource|@foreignSimpleFieldName supportingResource';

create view postgraphile.resource as
select key, id, name, category, description, operational_state, administrative_state, resource_status, usage_state
from public.resource;
comment on view postgraphile.resource is E'@primaryKey key\n@unique id';
