-- [1]
-- $1: 4
SELECT anon_1.name, anon_1.key
FROM (SELECT customer.name AS name, customer.key AS key, customer.id AS sort0
FROM customer
WHERE true) AS anon_1 ORDER BY anon_1.sort0 ASC
 LIMIT $1::INTEGER;

-- [2]
-- $1: the keys
-- $2: 'Z'
-- $3: 'Customer'
-- $4: 'CustomerBill'
-- $5: ['relatedParty']
-- $6: 0
-- $7: 'Resource'
-- $8: 'Service'
-- $9: 'ServiceOrder'
-- $10: 'ProductSpecification'
-- $11: 'ProductOrder'
-- $12: 'Customer'
-- $13: 'UsageSpecification'
-- $14: 'Individual'
-- $15: 'Organization'
-- $16: 'PartyRole'
-- $17: 13
-- $18: rows at most
SELECT anon_1.n, anon_2.bill_no, anon_2.state, anon_2.payment_due_date, anon_2.key, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT customer_bill.bill_no AS bill_no, customer_bill.state AS state, customer_bill.payment_due_date AS payment_due_date, customer_bill.key AS key, customer_bill.document AS document, rtrim(customer_bill.bill_date, $2::VARCHAR) AS sort0, customer_bill.id AS sort1
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $3::VARCHAR COLLATE "C" AND reference.source_kind = $4::VARCHAR COLLATE "C" AND reference.relation = ANY ($5::TEXT[]) AND (reference.rank = $6::SMALLINT OR NOT (EXISTS (SELECT *
FROM reference AS earlier
WHERE earlier.source_key = reference.source_key AND earlier.source_kind = reference.source_kind AND earlier.relation = reference.relation AND earlier.position = reference.position AND earlier.rank < reference.rank AND (earlier.target_kind = $7::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM resource
WHERE resource.key = earlier.target_key)) OR earlier.target_kind = $8::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service
WHERE service.key = earlier.target_key)) OR earlier.target_kind = $9::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM service_order
WHERE service_order.key = earlier.target_key)) OR earlier.target_kind = $10::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_specification
WHERE product_specification.key = earlier.target_key)) OR earlier.target_kind = $11::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM product_order
WHERE product_order.key = earlier.target_key)) OR earlier.target_kind = $12::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM customer
WHERE customer.key = earlier.target_key)) OR earlier.target_kind = $13::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM usage_specification
WHERE usage_specification.key = earlier.target_key)) OR earlier.target_kind = $14::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM individual
WHERE individual.key = earlier.target_key)) OR earlier.target_kind = $15::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM organization
WHERE organization.key = earlier.target_key)) OR earlier.target_kind = $16::VARCHAR COLLATE "C" AND (EXISTS (SELECT *
FROM party_role
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN customer_bill ON customer_bill.key = anon_3.source_key
WHERE true ORDER BY rtrim(customer_bill.bill_date, $2::VARCHAR) DESC, customer_bill.id ASC
 LIMIT $17::INTEGER) AS anon_2 ON true
 LIMIT $18::INTEGER;

-- [3]
-- $1: the keys
-- $2: 'CustomerBill'
-- $3: 'AppliedCustomerBillingRate'
-- $4: ['bill']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.type, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT applied_customer_billing_rate.name AS name, applied_customer_billing_rate.type AS type, applied_customer_billing_rate.document AS document, applied_customer_billing_rate.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN applied_customer_billing_rate ON applied_customer_billing_rate.key = anon_3.source_key
WHERE true ORDER BY applied_customer_billing_rate.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;

-- [4]
-- $1: the keys
-- $2: 'Customer'
-- $3: 'CustomerUsage'
-- $4: ['customer']
-- $5: 'Z'
-- $6: 101
-- $7: rows at most
SELECT anon_1.n, anon_2.name, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT customer_usage.name AS name, customer_usage.document AS document, customer_usage.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN customer_usage ON customer_usage.key = anon_3.source_key
WHERE rtrim(customer_usage.end_date, $5::VARCHAR) IS NULL ORDER BY customer_usage.id ASC
 LIMIT $6::INTEGER) AS anon_2 ON true
 LIMIT $7::INTEGER;

-- [5]
-- $1: the keys
SELECT usage.id, usage.usage_date, usage.status, usage.document
FROM usage
WHERE usage.id = ANY ($1::TEXT[]);

-- [6]
-- $1: the keys
-- $2: 'Customer'
-- $3: 'Product'
-- $4: ['product.relatedParty', 'productRelationship.product.relatedParty', 'relatedParty']
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
-- $16: 'active'
-- $17: 101
-- $18: rows at most
SELECT anon_1.n, anon_2.name, anon_2.key
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT product.name AS name, product.key AS key, product.id AS sort0
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
WHERE party_role.key = earlier.target_key))))))) AS anon_3 JOIN product ON product.key = anon_3.source_key
WHERE product.status = $16::VARCHAR COLLATE "C" ORDER BY product.id ASC
 LIMIT $17::INTEGER) AS anon_2 ON true
 LIMIT $18::INTEGER;

-- [7]
-- $1: the keys
-- $2: 'Product'
-- $3: 'AppliedCustomerBillingRate'
-- $4: ['product']
-- $5: 101
-- $6: rows at most
SELECT anon_1.n, anon_2.name, anon_2.date, anon_2.document
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT applied_customer_billing_rate.name AS name, applied_customer_billing_rate.date AS date, applied_customer_billing_rate.document AS document, applied_customer_billing_rate.id AS sort0
FROM (SELECT DISTINCT reference.source_key AS source_key
FROM reference
WHERE reference.target_key = anon_1.key AND reference.target_kind = $2::VARCHAR COLLATE "C" AND reference.source_kind = $3::VARCHAR COLLATE "C" AND reference.relation = ANY ($4::TEXT[])) AS anon_3 JOIN applied_customer_billing_rate ON applied_customer_billing_rate.key = anon_3.source_key
WHERE applied_customer_billing_rate.is_billed = false ORDER BY applied_customer_billing_rate.id ASC
 LIMIT $5::INTEGER) AS anon_2 ON true
 LIMIT $6::INTEGER;
