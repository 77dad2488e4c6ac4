--- primary: explain that executes
explain analyze select 1
explain analyze verbose select * from things
explain (analyze) select * from things
explain (analyze true) select 1
explain (analyze on, costs off) select 1
explain (analyze 1) select 1
explain (analyze 'true') select 1
explain (ANALYZE, buffers, format json) select * from things
explain ("analyze") select 1
explain (analyze false, analyze true) insert into written values (1)
explain analyze insert into written values (3)
explain analyze select loud()
explain (analyze) update written set n = 1
explain analyze with a as (delete from written returning n) select * from a
explain /* x */ analyze select 1
explain (costs off, analyze) create table explained as select 1 as a
EXPLAIN ANALYSE SELECT 1
explain (analyse) select 1
--- either: explain of what would write
--- because: a plan is all that is made, but planning a write asks for a primary by caution
explain insert into written values (3)
explain update written set n = 1
explain delete from written
explain merge into written using things on n = id when matched then delete
explain select loud()
explain create table explained_2 as select * from things
explain create materialized view explained_3 as select 1 as a
explain declare c cursor for select 1
explain (verbose) select * from loud_view
explain refresh materialized view summary
explain select 1 into explained_4
--- primary: explain of a prepared statement
--- first: prepare p as select 1
explain execute p
explain analyze execute p
--- primary: copy
copy written from stdin
copy written (n) from stdin with (format csv, header)
copy written from stdin where n > 3
--- primary: copy without the header it asks for
--- error: 22P04
copy written from stdin binary
--- primary: copy of what only the primary may read
copy fleeting to stdout
copy (select loud()) to stdout
copy (insert into written values (1) returning n) to stdout
copy (delete from written returning *) to stdout
copy (select * from things for update) to stdout
copy (with a as (insert into written values (1) returning n) select * from a) to stdout
copy (select nextval('ticket')) to stdout
copy (select * from loud_view) to stdout
copy guarded to stdout
copy pg_class (relname) to stdout
--- primary: copy of files and programs
--- error: 42501
copy written to '/tmp/never'
copy written from '/tmp/never'
copy written to program 'true'
copy written from program 'true'
copy (select 1) to '/tmp/never'
copy (select 1) to program 'cat'
--- either: copy of a read to the client
--- because: it would be harmless, but only SELECT, VALUES, TABLE and EXPLAIN are promised
copy things to stdout
copy things (id, name) to stdout with (format csv, header, delimiter ';')
copy (select * from things where id < 5) to stdout
copy (values (1), (2)) to stdout with csv
copy (table tree) to stdout (format binary)
copy (with a as (select 1) select * from a) to stdout
--- primary: maintenance
vacuum emptied
vacuum full emptied
vacuum (analyze, verbose) emptied
vacuum analyze emptied (n)
vacuum (freeze, index_cleanup off)  emptied
analyze emptied
analyze verbose emptied (n)
analyse emptied
analyze (skip_locked) emptied
reindex table things
reindex (verbose) index things_pkey
reindex index concurrently things_pkey
reindex schema routed
cluster things using things_pkey
cluster verbose things
cluster things
--- primary: maintenance, not allowed
--- error: any
checkpoint
reindex system corpus
load 'auto_explain'
load '$libdir/plugins/nothing'
--- primary: code
do $$ begin end $$
do 'begin perform 1; end'
do language plpgsql $x$ begin perform routed.loud(); end $x$
do $$ begin execute 'insert into routed.written values (1)'; end $$
call acts()
call routed.acts()
call does_nothing()
call "does_nothing"()
--- primary: calls of what is no procedure
--- error: any
call calm(1)
call nobody_knows()
--- primary: notifications
listen me
listen "Me Too"
notify me
notify me, 'a payload'
unlisten me
unlisten *
--- either: no statement at all
--- because: there is nothing to run, so any place or none is right
;
;;
/* nothing */
-- nothing
