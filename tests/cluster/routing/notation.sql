--- harmless: letters
SELECT ID FROM THINGS LIMIT 1
SeLeCt * fRoM tHiNgS lImIt 1
select "id" from "things" limit 1
select "things"."id" from routed."things" limit 1
select corpus.routed.things.id from corpus.routed.things limit 1
select U&"\0069d" from U&"th!0069ngs" uescape '!' limit 1
select "Mixed", "select" from "Odd Name"
select "Calm Whisper"()
select routed."select"()
select pg_catalog.upper('x'), pg_catalog."lower"('X'), "pg_catalog".length('x')
select 1 "as", 2 as "from", 3 "where"
select id größe from things limit 1
select 'ünïcödé', U&'\00e4', U&'d!0061t' uescape '!'
select e'\x41\u0042\n\'', E'\\'
select 'it''s', '', ''''
select 'a'
 'b'
select b'0101', B'1', x'1F', X'ff', n'x', N'y'
select $$dollar$$, $tag$ $$ $tag$, $_1$x$_1$
select 1.5, .5, 5., 1e10, 1.5e-3, 9999999999, 99999999999999999999
select 1--1
 +1
select 1 - -1, 1 - - 1, -1, - -1, 2*-3, 1<-1, 3-(-2)
select 1 /* c */ + /* d /* nested */ */ 2
select/**/1
select	1
select
 1
 ,
 2
select 1 where 1<>2 and 1!=2 and 1<=2 and 2>=1 and not 1=2
select (1)::text::int::numeric(5,2)::text
select 'x'::char(3), 'x'::character varying(5), 1::double precision, now()::time(0) with time zone, '{}'::int[], '{}'::int array[3]
select (array[1,2,3])[2:3], '[1,2]'::jsonb -> 0, ('{"a":{"b":1}}'::jsonb) #>> '{a,b}'
select (a.b).a from (select row(1, 2)::pair as b) a
select * from things where id in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
select * from things where id in (1, 1 + 1, (select 3))
select * from things as "things" where "things".id = 1
select t.* from things t where t.* is not null limit 1
select t from things t limit 1
select (t).id from things t limit 1
select distinct(id) from things limit 1
select not true, true and false or true, 1 = 1 is true
select 1 isnull, 1 notnull, null is null
select all id from things limit 1
/* first */ select 1
-- first
 select 1
/* a *//* b */select 1
select 1 -- last
select 1 /* last */
select ((((((((((1))))))))))
select (((select ((1)))))
select 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1
select 1::int::int::int::int::int::int::int::int
select "things".name like 'a%' escape '\' from things limit 1
select '2020-01-01'::date, date'2020-01-01', timestamptz'epoch', interval'1 h', interval '1-2' year to month
select cast('1' as int), cast(null as text), int4 '7', numeric(5, 2) '1.5', bool 't', "char" 'x'
select name::varchar(3), name::bpchar, name::"char", name::pg_catalog.text, name::pg_catalog."text" from things limit 1
select '1'::pg_catalog.int4, 1::float(3), 1::dec(5), 1::national character varying
