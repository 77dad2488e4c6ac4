--- primary: insert
insert into written values (1)
insert into written default values
insert into written (n) select id from things limit 1
insert into written (n, note) values (1, 'x'), (2, default)
insert into written as w (n) values (3) returning w.n, *
insert into numbered (id, n) overriding system value values (7, 1)
insert into numbered (n) overriding user value values (1)
insert into keyed values (1, 1, 'x') on conflict do nothing
insert into keyed values (1, 1, 'x') on conflict (id) do update set n = excluded.n where keyed.n < 5 returning id
insert into keyed values (1, 1, 'x') on conflict on constraint keyed_pkey do update set (n, note) = row(1, 'y')
insert into written (table emptied limit 0)
insert into written with a as (select 1) select * from a
with a as (select 1 as n) insert into written select n from a
with recursive a (n) as (select 1 union all select n + 1 from a where n < 3) insert into written select n from a returning n
insert into written_view values (1)
insert into instead_view values (1)
insert into ruled values (1)
insert into triggered values (1)
insert into loud_table default values
insert into measured values ('2021-01-01', 1)
insert into heir values (1, 2)
insert into fleeting values (1)
insert into routed.written values ((select max(id) from things))
insert into written values (array_length(array[1], 1))
INSERT INTO "written" ("n") VALUES (1)
/* a comment */ insert into written values (1)
insert/**/into written values (1)
insert into calm_checked (id, name) select 9, 'x' where false
--- primary: update
update written set n = 6
update only written set n = n + 1 where n = 5
update written w set n = t.id from things t where t.id = w.n returning w.*
update written set (n, note) = (1, 'x') where n = 2
update written set (n, note) = (select 1, 'x') where n = 3
update keyed set note = default where id = 1
update written_view set note = 'x' where n = 1
update things set tags[1] = 'z', both_.a = 3 where id = 1
update measured set n = 2 where at = '2021-01-01'
with a as (select 1 as n) update written set n = a.n from a where written.n = a.n
update written set n = 1 where exists (select 1 from things)
update ruled set n = 1
update written set n = 1 where false
--- primary: update, at a cursor
--- first: begin
--- first: declare c cursor for select * from keyed for update
--- first: fetch c
update keyed set n = 1 where current of c
delete from keyed where current of c
--- primary: delete and truncate
delete from written
delete from only written where n = 9
delete from written w using things t where t.id = w.n returning w.n
with a as (select 1 as n) delete from written using a where written.n = a.n
delete from written_view where n = 5
delete from written where false
delete from keyed where id in (select id from things)
truncate emptied
truncate table emptied, fleeting restart identity cascade
truncate only emptied continue identity restrict
--- primary: merge
merge into written using things on written.n = things.id when matched then delete
merge into keyed k using (select 1 as id) s on k.id = s.id when matched and k.n > 5 then update set n = 1 when not matched then insert values (1, 2, 'x')
merge into only keyed using things t on keyed.id = t.id when matched then do nothing when not matched and false then insert default values
with s as (select 1 as id) merge into keyed using s on keyed.id = s.id when matched then update set n = keyed.n
--- primary: common table expressions that write, at any depth
with gone as (delete from written where n = 8 returning n) select count(*) from gone
with put as (insert into written values (7) returning n) select n from put
with put as (insert into written values (7)) select 1
with changed as (update written set n = 1 where n = 7 returning *) table changed
with a as (select 1), b as (insert into written values (1) returning n), c as (select * from b) select * from a, c
with put as materialized (insert into written values (7) returning n) select n from put
with a as (insert into written values (7) returning n), b as (delete from keyed returning id) select * from a, b
with recursive a (n) as (select 1 union all select n + 1 from a where n < 3), b as (insert into written select n from a returning n) select * from b
with put as (insert into written values (7) returning n) values ((select n from put))
with put as (insert into keyed values (1, 1, '') on conflict (id) do update set n = 2 returning n) select n from put union all select 1
WITH/**/put AS(INSERT INTO written VALUES(7)RETURNING n)SELECT n FROM put
explain with put as (insert into written values (7) returning n) select n from put
--- primary: common table expressions that write, where they may not
--- error: any
select * from (with put as (insert into written values (7) returning n) select n from put) x
with a as (with b as (insert into written values (7) returning n) select n from b) select n from a
select (with put as (insert into written values (7) returning n) select n from put)
select 1 where exists (with put as (delete from written returning n) select n from put)
with m as (merge into written using things on n = id when matched then delete) select 1
with m as (merge into written using things on n = id when matched then delete returning n) select n from m
--- primary: select into, create table as
--- ddl
select id into copied from things
select id into table copied_2 from things
select id into unlogged copied_3 from things where false
select id into temp copied_4 from things
select id into temporary table copied_5 from things
select * into copied_6 from (select 1 as a) x
with a as (select 1 as n) select n into copied_7 from a
select 1 as a into copied_8 union select 2
(select 1 as a into copied_9)
create table copied_10 as select * from things
create table copied_11 as table things with no data
create table if not exists copied_12 (a) as values (1)
create unlogged table copied_13 as select 1 as a
create temp table copied_14 on commit drop as select 1 as a
create table copied_15 as with a as (select 1 as n) select n from a
create materialized view copied_16 as select 1 as a
create materialized view copied_17 as select * from things with no data
--- primary: select into, where it may not stand
--- error: any
select * from (select 1 as a into copied_18) x
select 1 union select 2 as a into copied_19
with a as (select 1 as n into copied_20) select n from a
--- harmless: what only looks like a write
select 'insert into written values (1)'
select $$delete from written$$
select $q$ update written set n = 1 $q$ || '; drop table things'
select 1 -- ; delete from written
select 1 /* ; delete from written; */ + 1
select /* update */ 1
select "insert".id from things "insert" limit 1
select E'a\'; delete from written; --'
select '\' as "'; delete from written; --"
select U&'\0027; delete from written'
select n'; delete from written', b'0', x'0'
select $$'$$, $a$$$$a$, '$$', "delete" from (select 1 as "delete") d
select 1;
select 1;;
;select 1
select 1 as into_, 2 as "into", 3 as for_update, 4 as "insert", 5 as "returning"
select name as delete, kind as set, id as update from things limit 1
select 'a' -- continued
 ' and'
 ' insert into written values (1)'
select * from (select n from written) deleted
--- harmless: several reads
--- simple
select 1; select 2
select 1; select * from things; values (3)
;; select 1 ;; table tree ;
--- primary: several statements of which one is no read
--- simple
select 1; insert into written values (10)
insert into written values (10); select 1
select 1; select loud()
select 1; select * from things for update
select 1; create table several (n int); drop table several
select 1;drop table if exists never_there
select 1; -- a comment
 delete from written where n = -1
select ';'; delete from written where n = -1
select $$;$$; delete from written where n = -1
select 1; set work_mem = '5MB'
select 1; begin; select 2; commit
begin; select 1; commit
begin; insert into written values (1); rollback
select 1; copy written from stdin
select 1; select nextval('ticket')
select 1; listen me
select 1; explain analyze insert into written values (1)
select 1; truncate emptied
select 1; lock table things
select 1; call acts()
select 1; do $$ begin end $$
--- primary: newer than this server's grammar, or no SQL at all
--- error: any
merge into written using things on n = id when matched then delete returning *
merge into written using things on n = id when not matched by source then delete
merge into written w using things t on w.n = t.id when matched then delete returning merge_action(), w.*
select * from json_table('[1]', '$[*]' columns (a int path '$'))
select json_value('{"a": 1}', '$.a')
select json_query('{"a": 1}', '$.a' returning jsonb)
select json_exists('{"a": 1}', '$.a')
select json('{}'), json_scalar(1), json_serialize('{}')
select json_object('a': 1), json_array(1, 2), json_arrayagg(1)
select '{}' is json
insert into written values (1) returning old.n, new.n
update written set n = 1 returning with (old as o, new as n) o.n
copy written from stdin with (on_error ignore)
create table newer (a int, b int generated always as (a * 2) virtual)
select 1 as a from things group by all
vacuum (buffer_usage_limit '1MB') emptied
sel ect
select from where
select 1 from
selec 1
with a as select 1
select 'never ends
select "never ends
select $$never ends
insert into written values (1
delete written
select 1 2 3
}
\d
\
--- primary: unterminated comments
--- error: 42601
select 1 /* never ends
--- primary: newer than this server, in words that its grammar has
--- known: options of EXPLAIN are any word to the grammar, and literals are gone before it
--- error: any
explain (serialize) select 1
explain (memory) select 1
explain (generic_plan) select * from things where id = $1
select 0x1F, 0o17, 0b11
select 1_000
