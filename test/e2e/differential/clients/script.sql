\set VERBOSITY verbose
\set ON_ERROR_STOP off
SELECT version();
CREATE SCHEMA IF NOT EXISTS shop;
CREATE TABLE shop.items (id serial PRIMARY KEY, name text NOT NULL, price numeric(10,2), tags text[], doc jsonb);
INSERT INTO shop.items (name, price, tags, doc) SELECT 'item ' || i, i * 1.5, ARRAY['a', NULL], jsonb_build_object('i', i) FROM generate_series(1, 20) i;
SELECT * FROM shop.items ORDER BY id LIMIT 5;
\d shop.items
\dt+ shop.*
\dn
\df shop.*
\du
\l
\dp shop.items
SELECT 1 AS a \gset
SELECT :a + 1;
SELECT 'multi' \; SELECT 'statement';
\copy shop.items (name, price) FROM PSTDIN
x	1
y	2
\.
\copy (SELECT name FROM shop.items WHERE id > 19 ORDER BY id) TO STDOUT
COPY shop.items (id, name) TO STDOUT (FORMAT csv, HEADER);
COPY shop.items (name) FROM STDIN;
from stdin
\.
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM shop.items ORDER BY id;
FETCH 3 FROM c;
MOVE 2 IN c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
SAVEPOINT s;
SELECT 1/0;
ROLLBACK TO s;
SELECT 'after';
COMMIT;
\set FETCH_COUNT 4
SELECT generate_series(1, 10);
\unset FETCH_COUNT
PREPARE q (int) AS SELECT name FROM shop.items WHERE id = $1;
EXECUTE q(2);
DEALLOCATE q;
EXPLAIN (COSTS off) SELECT * FROM shop.items WHERE id = 1;
DO $$ BEGIN RAISE NOTICE 'a notice %', 1; RAISE WARNING 'a warning'; END $$;
SELEC;
SELECT nowhere FROM shop.items;
INSERT INTO shop.items (id, name) VALUES (1, 'twice');
SET datestyle = 'German';
SELECT DATE '2026-01-02';
RESET ALL;
\encoding
SHOW client_encoding;
LISTEN x;
UPDATE shop.items SET price = 0 WHERE id = 3 RETURNING id, price;
SELECT $tag$ it's $tag$, E'\u00e9\n', U&'\0041', B'101', X'1F';
\timing off
DROP SCHEMA shop CASCADE;
