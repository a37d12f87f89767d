-- [1]
-- $1: 4
SELECT anon_1.id, anon_1.state, anon_1.key, anon_1.document
FROM (SELECT product_order.id AS id, product_order.state AS state, product_order.key AS key, product_order.document AS document, product_order.id AS sort0
FROM product_order
WHERE true) AS anon_1 ORDER BY anon_1.sort0 ASC
 LIMIT $1::INTEGER;

-- [2]
-- $1: the keys
SELECT individual.id
FROM individual
WHERE individual.id = ANY ($1::TEXT[]);

-- [3]
-- $1: the keys
SELECT organization.id
FROM organization
WHERE organization.id = ANY ($1::TEXT[]);

-- [4]
-- $1: the keys
SELECT party_role.id
FROM party_role
WHERE party_role.id = ANY ($1::TEXT[]);

-- [5]
-- $1: the keys
SELECT customer.id, customer.name, customer.key
FROM customer
WHERE customer.id = ANY ($1::TEXT[]);

-- [6]
-- $1: the keys
-- $2: 'Customer'
-- $3: 'DigitalIdentity'
-- $4: ['partyRoleIdentified', 'relatedParty']
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
SELECT anon_1.n, anon_2.nickname, anon_2.status, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT digital_identity.nickname AS nickname, digital_identity.status AS status, digital_identity.document AS document, digital_identity.id AS sort0
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
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN digital_identity ON digital_identity.key = anon_3.source_key
WHERE true ORDER BY digital_identity.id ASC
 LIMIT $16::INTEGER) AS anon_2 ON true
 LIMIT $17::INTEGER;

-- [7]
-- $1: the keys
-- $2: 'ProductOrder'
-- $3: 'Appointment'
-- $4: ['relatedEntity']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.description, anon_2.status, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT appointment.description AS description, appointment.status AS status, appointment.document AS document, appointment.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN appointment ON appointment.key = anon_3.source_key
WHERE true ORDER BY appointment.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [8]
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
SELECT anon_1.n, anon_2.id, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT service_order.id AS id, service_order.key AS key, service_order.id AS sort0
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

-- [9]
-- $1: the keys
-- $2: 'ServiceOrder'
-- $3: 'Service'
-- $4: ['supportingService.serviceOrderItem', 'supportingService.relatedEntity', 'serviceRelationship.service.serviceOrderItem', 'serviceRelationship.service.relatedEntity', 'serviceOrderItem', 'relatedEntity']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT service.name AS name, service.key AS key, service.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN service ON service.key = anon_3.source_key
WHERE true ORDER BY service.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [10]
-- $1: the keys
-- $2: 'Service'
-- $3: 'ServiceActivation'
-- $4: ['service']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.state, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT service_activation.name AS name, service_activation.state AS state, service_activation.key AS key, service_activation.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN service_activation ON service_activation.key = anon_3.source_key
WHERE true ORDER BY service_activation.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [11]
-- $1: the keys
-- $2: 'ServiceActivation'
-- $3: 'ResourceActivation'
-- $4: ['serviceActivation']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.mode, anon_2.state, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT resource_activation.name AS name, resource_activation.mode AS mode, resource_activation.state AS state, resource_activation.document AS document, resource_activation.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN resource_activation ON resource_activation.key = anon_3.source_key
WHERE true ORDER BY resource_activation.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [12]
-- $1: the keys
SELECT resource.id, resource.kind, resource.name, resource.serial_number, resource.power_state, resource.value
FROM resource
WHERE resource.id = ANY ($1::TEXT[]);
