-- [1]
-- $1: 'accessPort'
-- $2: 4
SELECT anon_1.kind, anon_1.name, anon_1.operational_state, anon_1.key
FROM (SELECT resource.kind AS kind, resource.name AS name, resource.operational_state AS operational_state, resource.key AS key, resource.id AS sort0
FROM resource
WHERE resource.category = $1::VARCHAR COLLATE "C") AS anon_1 ORDER BY anon_1.sort0 ASC
 LIMIT $2::INTEGER;

-- [2]
-- $1: the keys
-- $2: 'Resource'
-- $3: 'Service'
-- $4: ['supportingResource', 'supportingService.supportingResource', 'supportingService.relatedEntity', 'serviceRelationship.service.supportingResource', 'serviceRelationship.service.relatedEntity', 'relatedEntity']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.state, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT service.name AS name, service.state AS state, service.key AS key, service.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN service ON service.key = anon_3.source_key
WHERE true ORDER BY service.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [3]
-- $1: 'Resource'
-- $2: 'Service'
-- $3: ['supportingResource', 'supportingService.supportingResource', 'supportingService.relatedEntity', 'serviceRelationship.service.supportingResource', 'serviceRelationship.service.relatedEntity', 'relatedEntity']
-- $4: the keys
SELECT anon_1.n, (SELECT count(*) AS count_1
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $1::VARCHAR COLLATE "C" AND reference.source_kind = $2::VARCHAR COLLATE "C" AND reference.relation = ANY ($3::TEXT[])) AS anon_3 JOIN service ON service.key = anon_3.source_key
WHERE true) AS anon_2
FROM unnest($4::UUID[]) WITH ORDINALITY AS anon_1(key, n);

-- [4]
-- $1: the keys
-- $2: 'Service'
-- $3: 'Product'
-- $4: ['product.realizingService', 'productRelationship.product.realizingService', 'realizingService']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.key, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT product.name AS name, product.key AS key, product.document AS document, product.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN product ON product.key = anon_3.source_key
WHERE true ORDER BY product.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [5]
-- $1: the keys
SELECT individual.id
FROM individual
WHERE individual.id = ANY ($1::TEXT[]);

-- [6]
-- $1: the keys
SELECT organization.id
FROM organization
WHERE organization.id = ANY ($1::TEXT[]);

-- [7]
-- $1: the keys
SELECT party_role.id
FROM party_role
WHERE party_role.id = ANY ($1::TEXT[]);

-- [8]
-- $1: the keys
SELECT customer.id, customer.name
FROM customer
WHERE customer.id = ANY ($1::TEXT[]);

-- [9]
-- $1: the keys
-- $2: 'Product'
-- $3: 'ProductOrder'
-- $4: ['productOrderItem.product']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.id, anon_2.state, anon_2.order_date
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT product_order.id AS id, product_order.state AS state, product_order.order_date AS order_date, product_order.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN product_order ON product_order.key = anon_3.source_key
WHERE true ORDER BY product_order.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;
