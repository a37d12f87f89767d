-- [1]
-- $1: 'Byron'
-- $2: 101
SELECT anon_1.id, anon_1.given_name, anon_1.family_name, anon_1.status, anon_1.key
FROM (SELECT individual.id AS id, individual.given_name AS given_name, individual.family_name AS family_name, individual.status AS status, individual.key AS key, individual.id AS sort0
FROM individual
WHERE individual.family_name = $1::VARCHAR COLLATE "C") AS anon_1 ORDER BY anon_1.sort0 ASC
 LIMIT $2::INTEGER;

-- [2]
-- $1: 'Byron'
SELECT 0 + (SELECT count(*) AS count_1
FROM individual
WHERE individual.family_name = $1::VARCHAR COLLATE "C") AS anon_1;

-- [3]
-- $1: the keys
-- $2: 'Individual'
-- $3: 0
-- $4: 100
-- $5: rows at most
SELECT anon_1.n, anon_2.id, anon_2.type, anon_2.time, anon_2.actor, anon_2.revision, anon_2.state_before, anon_2.state_after
FROM unnest($1::UUID[]) WITH ORDINALITY AS anon_1(key, n) JOIN LATERAL (SELECT event.id AS id, event.type AS type, event.time AS time, event.actor AS actor, event.revision AS revision, event.state_before AS state_before, event.state_after AS state_after
FROM event
WHERE event.entity_key = anon_1.key AND event.entity_kind = $2::VARCHAR COLLATE "C" AND event.revision > $3::BIGINT ORDER BY event.revision
 LIMIT $4::INTEGER) AS anon_2 ON true
 LIMIT $5::INTEGER;
