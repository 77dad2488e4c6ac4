/*
 * Statements of all kinds, for the tests of the lexer and of the normal form:
 * written from the manual's chapters on syntax, queries and commands.
 */
#ifndef TESTS_UNIT_SQL_CORPUS_H
#define TESTS_UNIT_SQL_CORPUS_H

static const char *const corpus[] = {
	"SELECT abalance FROM pgbench_accounts WHERE aid = 123;",
	"UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 5;",
	"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, -4, "
	"CURRENT_TIMESTAMP);",
	"select 1, 1.5, .5, 1., 1e10, 1.5E-3, 1e+2, 007",
	"select 1..2",
	"select a[1:2], b[:], c[1:], (array[1,2,3])[2]",
	"select 'it''s', '', 'a' 'b'",
	"select 'a'\n  'b' \n\t'c'",
	"select 'a' -- comment\n 'b'",
	"select 'a'\n-- one\n-- two\n'b', 'c'\r'd'",
	"select e'a\\'b', E'\\\\', E'x'\n'y\\''",
	"select $$body$$, $a$x$$y$a$, $a$ $ab$ $a$, $_1$'$_1$",
	"select u&'d\\0061t', U&\"d\\0061t\", U&'d!0061' UESCAPE '!', U&\"d!0061\" uescape '!'",
	"select b'101', B'', x'1F', X'', n'abc', N''",
	"select b'1''0'",
	"select \"Quoted\", \"with \"\"quotes\"\"\", \"a$b\" from \"S\".\"T\"",
	"select a/**/+b, a/* x /* nested */ y */-b, a--c\n+d",
	"select a+-1, a<-1, a@-1, a*-b, a=-b, a||-b, a<>-b, a!=-b",
	"select a->>'x', a#>>'{a,b}', a @> b, a <@ b, a ?| b, a ?& b, a ? 'x', a @@ b, a ~* 'x', "
	"a !~~* b",
	"select a <= b, a >= b, a <> b, a != b, f(x => 1), f(x := 2)",
	"select |/ 25, ||/ 27, @ -5, ~ 1, a # b, a << 1, a >> 1, !! 'x'",
	"select a operator(pg_catalog.+) b, -a, - -a, + a, 2 ^ -1",
	"select a::int::text, -1::int, cast(a as numeric(10, 2)), a::\"T\", int4(a)",
	"select $1, $2::text, $1+$2, $12",
	"select * from t where a in (1, 2, 3) and b not in ('a','b') and c in (-1, +2)",
	"select * from t where a in (select b from u where c in (1,2)) or d in ($1, $2)",
	"select été, Ünï, \"ÉTÉ\" from café where name = 'naïve' and 数 = '値'",
	"select interval '1 day', date '2020-01-01', time '10:00', interval '1' second (3), "
	"timestamp with time zone '2020-01-01'",
	"select case when a then 1 when b then -1 else 0 end, coalesce(a, 1), nullif(a, 1)",
	"select extract(year from a), substring(a from 1 for 2), trim(both 'x' from a), "
	"position('a' in b), overlay(a placing b from 1)",
	"select count(*) filter (where a > 1) over (partition by b order by c rows between 1 "
	"preceding and current row) from t group by grouping sets ((a), (b), ())",
	"with recursive r(n) as (values (1) union all select n + 1 from r where n < 5) table r",
	"with a as materialized (select 1) select * from a, lateral (select 2) b",
	"(select 1) union all (select 2) intersect select 3 except select 4",
	"select distinct on (a) a, b from t order by a desc nulls last, b using < limit 10 "
	"offset 5",
	"select * from t fetch first 3 rows only",
	"select * from a join b using (x) left join c on a.y = c.y natural join d cross join e",
	"select * from t tablesample bernoulli (10) repeatable (1)",
	"select (t).a, (t).*, t.*, (f(x)).b[1] from t",
	"values (1, 'a'), (2, 'b')",
	"table t",
	"insert into t default values returning *",
	"insert into t (a) values (1) on conflict (a) do update set b = excluded.b where t.c > 1",
	"delete from t using u where t.a = u.a and t.b = 'x'",
	"merge into t using s on t.a = s.a when matched and s.d > 1 then update set b = 1 when not "
	"matched then insert values (1, 2)",
	"select xmlelement(name foo, xmlattributes(a as b), 'c'), xmlparse(document '<a/>')",
	"select * from xmltable('/a' passing x columns b int path 'b' default 1)",
	"select row(1, 2) = row(a, b), (a, b) overlaps (c, d), a is distinct from 1, a isnull",
	"select a at time zone 'UTC', a collate \"C\", a like 'x%' escape '!', a similar to 'y'",
	"select 1; select 2 ; ; update t set a = 1;",
	";;",
	"",
	"  -- nothing\n /* at all */ ",
	"begin transaction isolation level repeatable read, read only; select 1; commit",
	"set search_path = a, \"B\", 'c'",
	"set time zone interval '-08:00' hour to minute",
	"copy t (a, b) from stdin with (format csv, header true, delimiter ';')",
	"copy (select 1) to '/tmp/x'",
	"do $body$ begin perform 1; end $body$ language plpgsql",
	"create function f(a int default 1) returns int language sql as $$ select $1 + 1 $$",
	"create function f() returns int begin atomic select 1; select 2; end",
	"create rule r as on insert to t do also (insert into u values (1); select 1)",
	"create table t (a int primary key, b text default 'x' check (b <> ''), c numeric(3,1)[])",
	"explain (analyze, format json) select * from t where a = 1",
	"prepare p (int) as select * from t where a = $1",
	"execute p (1, 'x')",
	"declare c cursor with hold for select 1",
	"alter role r with password 'secret'",
	"comment on table t is 'it''s'",
	"select /* pgweir: replica */ 1",
	"SELECT\t\f\r\n1",
};

enum { CORPUS_SIZE = sizeof(corpus) / sizeof(corpus[0]) };

#endif
