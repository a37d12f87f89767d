-- [1]
-- $1: 4
SELECT anon_1.name, anon_1.key
FROM (SELECT customer.name AS name, customer.key AS key, customer.id AS sort0
FROM customer
WHERE true) AS anon_1 ORDER BY anon_1.sort0 ASC
 LIMIT $1::INTEGER;

-- [2]
-- $1: the keys
-- $2: 'Customer'
-- $3: 'ProductOrder'
-- $4: ['productOrderItem.product.relatedParty', 'relatedParty']
-- $5: 0
-- $6: 'Resource'
-- $7: 'Service'
-- $8: 'ServiceOrder'
-- $9: 'ProductSpecification'
-- $10: 'ProductOrder'
-- $11: 'Customer'
-- $12: 'UsageSpecification'
-- $13: 'Individual'
-- $14: 'Organization'
-- $15: 'PartyRole'
-- $16: 6
-- $17: rows at most
SELECT anon_1.n, anon_2.id, anon_2.state, anon_2.key, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT product_order.id AS id, product_order.state AS state, product_order.key AS key, product_order.document AS document, product_order.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[]) AND (reference.rank = $5::SMALLINT OR NOT (EXISTS (SELECT *
FROM reference AS earlier
WHERE earlier.source_key = reference.source_key AND earlier.source_kind = reference.source_kind AND earlier.relation = reference.relation AND earlier.position = reference.position AND earlier.rank < reference.rank AND (earlier.target_kind = $6::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM resource
WHERE resource.key = earlier.target_key)) OR earlier.target_kind = $7::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service
WHERE service.key = earlier.target_key)) OR earlier.target_kind = $8::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service_order
WHERE service_order.key = earlier.target_key)) OR earlier.target_kind = $9::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_specification
WHERE product_specification.key = earlier.target_key)) OR earlier.target_kind = $10::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_order
WHERE product_order.key = earlier.target_key)) OR earlier.target_kind = $11::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM customer
WHERE customer.key = earlier.target_key)) OR earlier.target_kind = $12::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM usage_specification
WHERE usage_specification.key = earlier.target_key)) OR earlier.target_kind = $13::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM individual
WHERE individual.key = earlier.target_key)) OR earlier.target_kind = $14::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM organization
WHERE organization.key = earlier.target_key)) OR earlier.target_kind = $15::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM party_role
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN product_order ON product_order.key = anon_3.source_key
WHERE true ORDER BY product_order.id ASC
 LIMIT $16::INTEGER) AS anon_2 ON true
 LIMIT $17::INTEGER;

-- [3]
-- $1: 'Customer'
-- $2: 'ProductOrder'
-- $3: ['productOrderItem.product.relatedParty', 'relatedParty']
-- $4: 0
-- $5: 'Resource'
-- $6: 'Service'
-- $7: 'ServiceOrder'
-- $8: 'ProductSpecification'
-- $9: 'ProductOrder'
-- $10: 'Customer'
-- $11: 'UsageSpecification'
-- $12: 'Individual'
-- $13: 'Organization'
-- $14: 'PartyRole'
-- $15: the keys
SELECT anon_1.n, (SELECT count(*) AS count_1
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $1::VARCHAR COLLATE "C" AND reference.source_kind = $2::VARCHAR COLLATE "C" AND reference.relation = ANY ($3::TEXT[]) AND (reference.rank = $4::SMALLINT OR NOT (EXISTS (SELECT *
FROM reference AS earlier
WHERE earlier.source_key = reference.source_key AND earlier.source_kind = reference.source_kind AND earlier.relation = reference.relation AND earlier.position = reference.position AND earlier.rank < reference.rank AND (earlier.target_kind = $5::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM resource
WHERE resource.key = earlier.target_key)) OR earlier.target_kind = $6::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service
WHERE service.key = earlier.target_key)) OR earlier.target_kind = $7::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service_order
WHERE service_order.key = earlier.target_key)) OR earlier.target_kind = $8::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_specification
WHERE product_specification.key = earlier.target_key)) OR earlier.target_kind = $9::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_order
WHERE product_order.key = earlier.target_key)) OR earlier.target_kind = $10::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM customer
WHERE customer.key = earlier.target_key)) OR earlier.target_kind = $11::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM usage_specification
WHERE usage_specification.key = earlier.target_key)) OR earlier.target_kind = $12::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM individual
WHERE individual.key = earlier.target_key)) OR earlier.target_kind = $13::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM organization
WHERE organization.key = earlier.target_key)) OR earlier.target_kind = $14::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM party_role
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN product_order ON product_order.key = anon_3.source_key
WHERE true) AS anon_2
FROM unnest($15::UUID[]) WITH ORDINALITY AS anon_1(key, n);

-- [4]
-- $1: the keys
-- $2: 'ProductOrder'
-- $3: 'ServiceOrder'
-- $4: ['externalReference', 'serviceOrderItem.service.relatedEntity', 'orderRelationship']
-- $5: 0
-- $6: 'Resource'
-- $7: 'Service'
-- $8: 'ServiceOrder'
-- $9: 'ProductSpecification'
-- $10: 'ProductOrder'
-- $11: 'Customer'
-- $12: 'UsageSpecification'
-- $13: 'Individual'
-- $14: 'Organization'
-- $15: 'PartyRole'
-- $16: 101
-- $17: rows at most
SELECT anon_1.n, anon_2.id, anon_2.state, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT service_order.id AS id, service_order.state AS state, service_order.key AS key, service_order.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[]) AND (reference.rank = $5::SMALLINT OR NOT (EXISTS (SELECT *
FROM reference AS earlier
WHERE earlier.source_key = reference.source_key AND earlier.source_kind = reference.source_kind AND earlier.relation = reference.relation AND earlier.position = reference.position AND earlier.rank < reference.rank AND (earlier.target_kind = $6::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM resource
WHERE resource.key = earlier.target_key)) OR earlier.target_kind = $7::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service
WHERE service.key = earlier.target_key)) OR earlier.target_kind = $8::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service_order
WHERE service_order.key = earlier.target_key)) OR earlier.target_kind = $9::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_specification
WHERE product_specification.key = earlier.target_key)) OR earlier.target_kind = $10::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_order
WHERE product_order.key = earlier.target_key)) OR earlier.target_kind = $11::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM customer
WHERE customer.key = earlier.target_key)) OR earlier.target_kind = $12::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM usage_specification
WHERE usage_specification.key = earlier.target_key)) OR earlier.target_kind = $13::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM individual
WHERE individual.key = earlier.target_key)) OR earlier.target_kind = $14::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM organization
WHERE organization.key = earlier.target_key)) OR earlier.target_kind = $15::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM party_role
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN service_order ON service_order.key = anon_3.source_key
WHERE true ORDER BY service_order.id ASC
 LIMIT $16::INTEGER) AS anon_2 ON true
 LIMIT $17::INTEGER;

-- [5]
-- $1: the keys
-- $2: 'ServiceOrder'
-- $3: 'ResourceOrder'
-- $4: ['externalReference']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.id, anon_2.state, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT resource_order.id AS id, resource_order.state AS state, resource_order.document AS document, resource_order.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN resource_order ON resource_order.key = anon_3.source_key
WHERE true ORDER BY resource_order.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [6]
-- $1: the keys
SELECT resource.id, resource.kind, resource.name, resource.operational_state
FROM resource
WHERE resource.id = ANY ($1::TEXT[]);

-- [7]
-- $1: the keys
SELECT product.id, product.document
FROM product
WHERE product.id = ANY ($1::TEXT[]);

-- [8]
-- $1: the keys
SELECT service.id, service.document
FROM service
WHERE service.id = ANY ($1::TEXT[]);

-- [9]
-- $1: the keys
SELECT resource.id, resource.kind, resource.name
FROM resource
WHERE resource.id = ANY ($1::TEXT[]);
