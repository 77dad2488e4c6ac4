--- harmless: the simplest
select 1
select
select 1, 2.5, 'x', null, true
select all 1
select * from things
select id, name from things where id = 7
select things.* from things limit 1
select t.id as i, t.name n from things as t where t.id between 3 and 9
select t.i from things t (i, n) limit 1
select * from only things limit 1
select * from things * limit 1
select id from things where name like '%1' and not (price > 10 or kind is null)
select id from things where name ilike 'THING%' escape '!' and name similar to '%(1|2)' and name ~ '1$' and name !~* 'Q'
select id from things where kind in ('a', 'b') and id not in (select id from parts)
select id from things where price is distinct from 3 and (doc is not null) is true and (id > 3) is not unknown
select id from things where id = any (array[1, 2]) or id > all (select 1) or id < some ('{1,2}'::int[])
select case when id > 3 then 'x' else 'y' end, case kind when 'a' then 1 end, coalesce(name, ''), nullif(1, 2), greatest(1, 2), least(id, 3) from things
select (array[1, 2])[1], (array[[1, 2], [3, 4]])[1:2][2:], '{1,2}'::int[], row(1, 'x'), (row(1, 2)).*, array(select id from things) from things limit 1
select (both_).a, (both_).*, (t.both_).b from things t limit 1
select cast(id as text), id::numeric(8, 2), int '7', interval '1' day, interval(3) '1 s', timestamp with time zone '2020-01-01', date '2020-01-01' - 1 from things limit 1
select 'a' collate "C" < 'b', name collate "POSIX" from things limit 1
select id from things where (id, name) = (1, 'thing 1') or (id, id) in (select 1, 2) or row(id, 1) > row(2, 3)
select (select max(id) from things), exists (select from parts), (select count(*) from parts p where p.thing = t.id) from things t limit 2
select extract(year from made), position('a' in name), substring(name from 2 for 3), overlay(name placing 'x' from 1), trim(both 'x' from name) from things limit 1
select made at time zone 'UTC', (date '2020-01-01', interval '1 day') overlaps (date '2020-01-01', date '2020-01-02') from things limit 1
select current_date, current_time, current_timestamp(3), localtime, localtimestamp, current_user, current_role, session_user, user, current_catalog, current_schema
select name is normalized, normalize(name, NFC), name is nfc normalized from things limit 1
(select 1)
((select id from things limit 1))
values (1), (2)
values (1, 'x'), (2, null) order by 1
table things
table only things
values (1) order by 1 limit 1 offset 0
select * from (values (1, 'a'), (2, 'b')) v (i, t)
select ctid, tableoid::regclass::text, xmin, xmax, cmin, cmax from things limit 1
--- harmless: joins
select a.id from things a join parts b on a.id = b.thing limit 3
select count(*) from tree natural join parts
select * from things a left outer join parts b using (id) limit 3
select * from things a right join parts b on true limit 3
select * from things a full join parts b using (id) as j limit 3
select * from things a cross join parts b limit 3
select * from things a, parts b where a.id = b.thing limit 3
select * from (things a join parts b on a.id = b.thing) as j (x) limit 3
select * from things t, lateral (select * from parts p where p.thing = t.id) x limit 3
select * from things t left join lateral (select 1 from parts p where p.id = t.id) x on true limit 3
select * from things t cross join lateral unnest(t.tags) with ordinality as u (tag, place) limit 3
select * from things t inner join (select thing, sum(amount) from parts group by thing) s on s.thing = t.id limit 3
--- harmless: grouping, windows, order
select kind, count(*), sum(price), avg(distinct price), array_agg(id order by id desc), string_agg(name, ',') from things group by kind having count(*) > 1
select kind, count(*) filter (where id > 5), percentile_cont(0.5) within group (order by price), mode() within group (order by kind) from things group by 1
select kind, feeling, count(*), grouping(kind, feeling) from things group by grouping sets ((kind), (feeling), ())
select kind, feeling, count(*) from things group by rollup (kind, feeling)
select kind, feeling, count(*) from things group by distinct cube (kind, feeling), rollup (kind)
select count(*) from things group by ()
select id, row_number() over (), rank() over (partition by kind order by price desc nulls last) from things
select sum(price) over w, first_value(id) over w, lag(id, 1, 0) over (w rows 3 preceding) from things window w as (partition by kind order by id)
select sum(id) over (order by id rows between 1 preceding and 1 following exclude current row), sum(id) over (order by id range between 2 preceding and unbounded following) from things
select sum(id) over (order by id groups between current row and 1 following exclude ties), ntile(4) over (order by id), cume_dist() over (order by id) from things
select count(*) filter (where id > 3) over (partition by kind) from things
select distinct kind from things
select distinct on (kind) kind, id from things order by kind, id desc
select id from things order by price desc nulls first, name using <, 1 asc limit 5 offset 2
select id from things order by id offset 2 rows fetch first 3 rows only
select id from things order by kind fetch first 2 rows with ties
select id from things order by kind fetch next row only
select id from things limit all
select id from things limit (select 3) offset 1 + 1
select rank(3) within group (order by id), corr(id, id), regr_slope(id, id), every(id > 0), bit_or(id), json_agg(id), jsonb_object_agg(id, name), range_agg(spell) from things
--- harmless: set operations
select id from things union select id from parts
select id from things union all select id from parts union distinct select 1 order by 1 limit 4
select id from things intersect all select id from parts
(select id from things order by id limit 3) except (select id from parts order by id limit 1) order by 1
values (1) union table calm_guarded
select 1 union (values (2) intersect select 2)
(table things limit 1) union all table things
select array(select 1 union select 2)
--- harmless: with
with few as (select * from things limit 3) select count(*) from few
with a as (select 1 as x), b as materialized (select x + 1 as y from a), c (z) as not materialized (select y from b) select * from a, b, c
with a as (with b as (with c as (select 1 as x) select * from c) select * from b) select * from a
select * from (with a as (select 1) select * from a) s
select (with a as (select max(id) as m from things) select m from a)
select id from things where id in (with a as (select 3 as x) select x from a)
with a as (values (1), (2)) table a
with a as (table things) values ((select count(*) from a))
with recursive n (i) as (values (1) union all select i + 1 from n where i < 10) select sum(i) from n
with recursive down as (select id, parent from tree where parent is null union select t.id, t.parent from tree t join down d on t.parent = d.id) select * from down
with recursive down (id, parent) as (select id, parent from tree where parent is null union all select t.id, t.parent from tree t, down d where t.parent = d.id) search depth first by id set ordering select id from down order by ordering
with recursive down (id, parent) as (select id, parent from tree where parent is null union all select t.id, t.parent from tree t, down d where t.parent = d.id) search breadth first by id set ordering select id from down order by ordering
with recursive down (id, parent) as (select id, parent from tree where parent is null union all select t.id, t.parent from tree t, down d where t.parent = d.id) cycle id set is_cycle using path select * from down
with recursive down (id, parent) as (select id, parent from tree where parent is null union all select t.id, t.parent from tree t, down d where t.parent = d.id) cycle id set is_cycle to 'Y' default 'N' using path select * from down
with written as (select 1 as n) select n from written
with fleeting as (select 1 as id) select id from fleeting
with pg_class as (select 1 as x) select x from pg_class
with ticket as (select 2 as last_value) select last_value from ticket
with outer_ as (select 1 as x) select * from (with inner_ as (select x from outer_) select x from inner_) s
--- harmless: functions in FROM
select * from generate_series(1, 5)
select * from generate_series(1, 5) with ordinality
select * from generate_series(timestamp '2020-01-01', timestamp '2020-01-05', interval '1 day') g (d)
select * from rows from (generate_series(1, 3), generate_series(1, 2)) with ordinality as r (a, b, n)
select * from rows from (json_to_recordset('[{"a": 1}]') as (a int), generate_series(1, 2)) as r (a, b)
select * from json_to_record('{"a": 1, "b": "x"}') as r (a int, b text)
select * from unnest(array[1, 2], array['a', 'b']) as u (n, t)
select * from jsonb_each('{"a": 1}'), jsonb_array_elements('[1, 2]') e (v)
select * from calm_rows(2)
select a, b from calm_table(3) as c (a, b)
select (calm_rows(2)).*
select * from calm_out(1)
select * from string_to_table('a,b', ','), regexp_matches('abc', '(b)', 'g') m
select generate_series(1, 3), unnest(array['a', 'b'])
select * from xmltable('/r/v' passing xml '<r><v a="1">x</v></r>' columns a int path '@a', v text path '.', n for ordinality)
--- harmless: samples
select count(*) from things tablesample system (50)
select count(*) from things t tablesample bernoulli (10 + 5) repeatable (42)
select count(*) from things tablesample system_rows(3)
--- harmless: explain without analyze
explain select * from things
explain verbose select * from things
explain (costs off) select * from things join parts using (id)
explain (verbose, costs off, format json) select 1
explain (analyze false) select * from things
explain (analyze off, verbose on) values (1)
explain (analyze 0) table things
explain (format yaml, settings, summary off) with a as (select 1) select * from a
explain (buffers) select calm(1)
--- harmless: parts of relations, views
select * from measured
select * from measured_old where at < '2010-01-01'
select * from forebear
select * from only forebear
select * from heir
select * from calm_view
select * from calm_view_2 where id = 3
select * from calm_barrier
select * from calm_invoker
select * from calm_count
select * from calm_checked
select * from calm_guarded
select * from idle_guarded
select * from summary
select * from view_of_summary
select doubled from things limit 1
select * from "Odd Name"
select * from routed.things limit 1
select * from triggered
select * from ruled
select * from numbered
--- harmless: parameters
--- values: 7
select * from things where id = $1
select $1::int + 1
select name from things where id = any (array[$1::int, 2]) order by 1 limit $1::int
with a as (select $1::int as x) select x from a
values ($1)
select $1 || 'x', coalesce($1, 'y')
--- primary: parameters
--- values: 7
select loud($1)
insert into written values ($1)
update written set n = $1 where n = -1
delete from written where n = $1
select * from things where id = $1 for update
with x as (insert into written values ($1) returning n) select n from x
select setval('ticket', $1)
select set_config('app.name', $1, false)
