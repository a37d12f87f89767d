-- [1]
-- $1: 'Z'
-- $2: 11
-- $3: 'acknowledged'
-- $4: 'inProgress'
-- $5: 'held'
-- $6: 'pending'
SELECT anon_1.id, anon_1.state, anon_1.order_date, anon_1.category, anon_1.key, anon_1.document, anon_1.sort0, anon_1.sort1
FROM (SELECT product_order.id AS id, product_order.state AS state, product_order.order_date AS order_date, product_order.category AS category, product_order.key AS key, product_order.document AS document, rtrim(product_order.order_date, $1::VARCHAR) AS sort0, product_order.id AS sort1
FROM product_order
WHERE product_order.state IN ($3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C", $5::VARCHAR COLLATE "C", $6::VARCHAR COLLATE "C")) AS anon_1 ORDER BY anon_1.sort0 DESC, anon_1.sort1 ASC
 LIMIT $2::INTEGER;

-- [2]
-- $1: 'acknowledged'
-- $2: 'inProgress'
-- $3: 'held'
-- $4: 'pending'
SELECT 0 + (SELECT count(*) AS count_1
FROM product_order
WHERE product_order.state IN ($1::VARCHAR COLLATE "C", $2::VARCHAR COLLATE "C", $3::VARCHAR COLLATE "C", $4::VARCHAR COLLATE "C")) AS anon_1;

-- [3]
-- $1: the keys
-- $2: 'ProductOrder'
-- $3: 0
-- $4: 100
-- $5: rows at most
SELECT anon_1.n, anon_2.id, anon_2.type, anon_2.time, anon_2.actor, anon_2.revision, anon_2.state_before, anon_2.state_after
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT event.id AS id, event.type AS type, event.time AS time, event.actor AS actor, event.revision AS revision, event.state_before AS state_before, event.state_after AS state_after
FROM event
WHERE event.entity_key = anon_1.key AND event.entity_kind = $2::VARCHAR COLLATE "C" AND event.revision > $3::BIGINT ORDER BY event.revision
 LIMIT $4::INTEGER) AS anon_2 ON true
 LIMIT $5::INTEGER;
