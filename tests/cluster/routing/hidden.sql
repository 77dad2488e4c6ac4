--- primary: a volatile function, wherever an expression may stand
select loud()
select routed.loud()
select loud(1) + 1
select * from loud()
select * from loud_rows()
select * from loud_rows() with ordinality
select loud_rows()
select * from rows from (calm(1), loud())
select * from things, lateral loud(things.id) limit 2
select * from things left join lateral (select loud(things.id)) x on true limit 1
select * from things join parts on loud_bool(parts.id) limit 1
select id from things where loud_bool(id)
select id from things where id > 3 and (id < 4 or loud_bool(id))
select id from things order by loud(id)
select id from things order by 1, loud() limit 1
select id from things limit loud()
select id from things offset loud()
select id from things order by id fetch first (loud()) rows only
select distinct loud() from things
select distinct on (loud(id)) id from things
select count(*) from things group by loud(id)
select count(*) from things group by rollup (loud(id), kind)
select kind from things group by kind having loud() > 0
select sum(loud(id)) from things
select count(*) filter (where loud_bool(id)) from things
select percentile_disc(0.5) within group (order by loud(id)) from things
select array_agg(id order by loud(id)) from things
select sum(id) over (partition by loud(id)) from things
select sum(id) over (order by loud(id)) from things
select sum(id) over (order by id rows loud() preceding) from things
select sum(id) over (order by id range between loud() preceding and current row) from things
select sum(id) over w from things window w as (order by loud(id))
select case when id > 100 then loud() else 0 end from things
select case loud() when 1 then 2 end
select coalesce(id, loud()), nullif(id, loud()) from things limit 1
select greatest(1, loud())
select array[1, loud()]
select array(select loud())
select row(1, loud())
select (array[1, 2])[loud()]
select (array[1, 2])[1:loud()]
select 1 in (2, loud())
select 1 = any (array[loud()])
select 1 between 0 and loud()
select exists (select loud())
select 1 where not exists (select loud())
select (select (select (select loud())))
select loud() is null, loud() is distinct from 1
select loud()::text, cast(loud() as bigint)
select - loud()
select not loud_bool(1)
select xmlelement(name a, loud())
select xmlforest(loud() as a)
select * from xmltable('/r' passing (select xmlelement(name r, loud())) columns a int path '.')
select count(*) from things tablesample system (loud())
select count(*) from things tablesample bernoulli (5) repeatable (loud())
select * from generate_series(1, loud())
select calm_named(1, c => loud())
select calm_many(variadic array[loud()])
select loud_many(1, 2)
select loud_many(variadic array[1])
values (loud())
values (1), (loud())
select * from (values (loud())) v
select 1 union select loud()
select loud() union all select 1
(select loud()) order by 1
with a as (select loud() as n) select n from a
with a as (select 1 as n) select loud(n) from a
with a as materialized (select loud() as n) select 1
with recursive a (n) as (select 1 union all select loud(n) + 1 from a where n < 3) select n from a
with a as (with b as (select loud() as n) select n from b) select n from a
select * from (with a as (select loud() as n) select * from a) s
select timezone('UTC', now()), loud()
select grouping(kind), loud() from things group by kind
select loud_plpgsql()
select secure_loud()
select calm(loud())
select idle()
--- primary: names that are written differently
select "loud"()
select LOUD()
select Loud ( )
select loud/**/()
select loud -- a comment
 ()
select "routed"."loud"()
select corpus.routed.loud()
select "corpus" . "routed" . loud ( )
select U&"\006Coud"()
select U&"l!006Fud" uescape '!' ()
select u&"\+00006Coud"()
select "Loud Shout"()
select routed."Loud Shout"()
select U&"Loud\0020Shout"()
select/**/loud()
select(loud())
select+loud()
select 1/* /* */ */,loud()
select '/*', loud(), '*/'
select $$--$$, loud()
select E'\'', loud(), '\'
select '\', loud(), '\'
select $a$ $b$ $a$, loud(), '$b$'
select 'a'
 'b', loud()
select "a--b".n from (select loud() as n) "a--b"
select 1 as "loud", loud()
--- primary: default arguments, overloads, bodies
select loud_default()
select routed.loud_default()
select * from loud_default()
select overloaded('x'::text)
select overloaded('x')
select overloaded(name) from things limit 1
select loud_atomic()
select n from loud_default_view
--- either: an overload that is volatile
--- because: which overload is meant is not decided by names alone
select overloaded(1)
select loud_default(5)
--- primary: a view that locks
--- known: a locking clause in a view is not looked for
select * from locking_view
select count(*) from locking_view
--- primary: a stable function that lies
--- known: what a body in a string calls is not looked for, only whether it is declared volatile
select loud_text()
--- primary: operators, casts, domains, aggregates
select 1 @#@ 2
select id @#@ 1 from things
select 1 operator(routed.@#@) 2
select 1 OPERATOR(routed . @#@) 2
select @#! 1
--- primary: casts and domains
select '(1)'::raw::wrapped
select cast(row(1)::raw as wrapped)
select (row(id)::raw::wrapped).n from things limit 1
select 5::checked
select cast(5 as checked)
select '5'::checked
select checked '5'
select 5::routed.checked
select 5::"checked"
select 5::checked_twice
select array[1, 2]::checked[]
select '{1,2}'::checked[]
select row(1)::holder
select '(1)'::holder
select * from json_to_record('{"a": 1}') as r (a checked)
select * from json_populate_record(null::holder, '{"held": 1}')
select checked(5)
--- primary: aggregates and comparisons
select loud_sum(id) from things
select loud_sum(id) over (order by id) from things
select loud_sum(distinct id) filter (where id > 2) from things
select loud_end(id) from things
select * from purse order by c
select distinct c from purse
select c from purse group by c
select * from purse where c |=| row(1)::coin
select max(c::text) from purse where c |<| row(3)::coin
select * from purse order by c using |<|
select a.c from purse a, purse b where a.c = b.c
select c from purse union select c from purse
select rank() over (order by c) from purse
--- primary: attribute notation
select t.loud_of from things t limit 1
select (t).loud_of from things t limit 1
select things.loud_of from things limit 1
select loud_of(t) from things t limit 1
select (t.*).loud_of from things t limit 1
select (select x from things x limit 1).loud_of
select id from things t where t.loud_of > 0
select id from things t order by t.loud_of
select t."loud_of" from things t limit 1
select (calm_rows(1)).loud_of
--- primary: views and policies
select * from loud_view
select 1 from loud_view
select count(*) from loud_view_2
select * from loud_view_3
select * from loud_barrier
select * from loud_operator_view
select * from loud_cast_view
table loud_view
select * from routed.loud_view
select * from "loud_view"
select id from things where exists (select from loud_view)
with a as (select * from loud_view) select 1
select * from guarded
select * from view_of_guarded
select * from only guarded
select * from lock_view
select * from sequence_view
select (select n from loud_view)
select loud_view.* from loud_view
select loud_view from loud_view
