--- primary: locking clauses
select * from things for update
select * from things for no key update
select * from things for share
select * from things for key share
select * from things where id = 7 for update nowait
select * from things for update skip locked limit 1
select * from things limit 1 for update
select * from things for update of things
select * from things t, parts p where t.id = p.thing for update of t for share of p nowait
select * from things order by id offset 1 for share
table things for update
table things for key share
(select * from things limit 1) for update
(select * from things limit 1 for update)
((select id from things where id = 1 for share))
select * from (select * from things for update) x
select * from (select * from (select * from things limit 1 for no key update) a) b
select (select id from things where id = 1 for update)
select exists (select 1 from things for key share)
select 1 where 1 in (select id from things for update)
select array(select id from things for update)
select id from parts where thing = (select id from things limit 1 for share)
with a as (select * from things for update) select count(*) from a
with a as (with b as (select * from things for share) select * from b) select count(*) from a
with a as (select 1) select * from things for update
with a as materialized (select id from things where id = 1 for update skip locked) select * from a
select * from things t, lateral (select * from parts p where p.thing = t.id for update) x
select id from calm_view for update
select * from things left join parts on exists (select 1 from tree for share)
select * from things order by (select id from tree limit 1 for update)
select * from things limit (select 1 from tree limit 1 for update)
select count(*) filter (where exists (select 1 from tree for update)) from things
select case when exists (select 1 from things for update) then 1 end
select * from things for/**/update
select * from things FOR UPDATE
select * from things for -- a comment
 update
explain select * from things for update
values ((select id from things where id = 1 for update))
select 1 union select * from (select id from things for update) x
--- primary: locking clauses that are refused
--- error: any
select id from things union select id from parts for update
select count(*) from things for update
select distinct id from things for share
values (1) for update
--- harmless: what only looks like a locking clause
select * from things for read only
select 'for update'
select 1 as "for update"
select id from things -- for update
select id /* for update */ from things
select $$for update$$ from things
select id from (select 1 as id) for_update
select E'\' for update' from things
select "for".id from things "for" limit 1
select id as update from things limit 1
select U&'for\0020update' from things limit 1
--- primary: lock
--- first: begin
lock table things
lock things in access share mode
lock table only things, parts in exclusive mode nowait
lock things in row share mode
lock calm_view in share row exclusive mode
--- primary: lock without a transaction
--- error: 25P01
lock table things
