--- primary: hinted to the primary
/* pgweir: primary */ select 1
select /* pgweir: primary */ 1
select 1 /* pgweir: primary */
/*pgweir:primary*/ select 1
/*  pgweir:   primary  */ select * from things
select * from things /* pgweir: primary */ where id = 1
/* a comment */ /* pgweir: primary */ select 1
/* pgweir: replica */ /* pgweir: primary */ select 1
/* pgweir: primary */ select 1 /* pgweir: replica */
with a as (/* pgweir: primary */ select 1) select * from a
/* pgweir: primary */ values (1)
/* pgweir: primary */ table things
/* pgweir: primary */ explain select 1
--- harmless: hinted to a replica, the user's promise
/* pgweir: replica */ select idle()
select idle() /* pgweir: replica */
/* pgweir: replica */ select 1
/* pgweir: replica */ select count(*) from pg_class
--- primary: hinted to a replica, but a write
/* pgweir: replica */ insert into written values (1)
/* pgweir: replica */ update written set n = 1 where false
/* pgweir: replica */ delete from written where false
/* pgweir: replica */ merge into written using things on n = id when matched then delete
/* pgweir: replica */ with a as (insert into written values (1) returning n) select * from a
/* pgweir: replica */ select * from things for update
/* pgweir: replica */ truncate emptied
/* pgweir: replica */ explain analyze insert into written values (1)
/* pgweir: replica */ call acts()
/* pgweir: replica */ do $$ begin end $$
/* pgweir: replica */ listen me
/* pgweir: replica */ set work_mem = '5MB'
/* pgweir: replica */ copy written from stdin
/* pgweir: replica */ select nextval('ticket')
/* pgweir: replica */ select pg_advisory_lock(78)
/* pgweir: replica */ create table hinted (n int)
/* pgweir: replica */ select 1 as a into hinted_2
/* pgweir: replica */ notify me
/* pgweir: replica */ vacuum emptied
/* pgweir: replica */ begin isolation level serializable
--- primary: hinted to a replica, but one of several writes
--- simple
/* pgweir: replica */ select 1; insert into written values (1)
/* pgweir: replica */ select 1; create table hinted_3 (n int)
--- primary: hinted to a replica, in a transaction that wrote
--- first: begin
--- first: insert into written values (1)
/* pgweir: replica */ select 1
--- harmless: no hint, but like one
select '/* pgweir: primary */'
select $$/* pgweir: primary */$$
select 1 as "/* pgweir: primary */"
select E'\'/* pgweir: primary */'
select 1 /* pgweir primary */
select 1 /* pgweir: primaries */
select 1 /* pgwear: primary */
--- primary: no hint to a replica, but like one
select loud(), '/* pgweir: replica */'
select loud(), $$/* pgweir: replica */$$
select loud() as "/* pgweir: replica */"
select loud() /* pgweir: replicas */
select loud() -- pgweir replica
select loud() /* not so: /* pgweir: replica */ */
select loud() /* pgweir */ /* replica */
--- either: a hint to the primary that is hard to see
--- because: a comment in a comment, to the end of the line, or of another case, is no hint by the letter
select 1 /* outer /* pgweir: primary */ */
select 1 -- pgweir: primary
select 1 /* PGWEIR: PRIMARY */
