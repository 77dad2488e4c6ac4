-- The database of the corpus, once per protocol: "routed" is replaced by the schema's name.
-- "loud" things reach a volatile function that writes, "calm" ones do not.
create schema routed authorization app;
create foreign table routed.outside (line text) server files options (filename '/etc/hostname');
create foreign table routed.afar (id int) server loopback options (schema_name 'routed', table_name 'things');
grant select on routed.outside, routed.afar to app;
set role app;
set search_path = routed, public;

create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b int);
create type span as range (subtype = float8);
create table things (id int primary key, name text, kind text, price numeric(8,2), made timestamptz default '2020-01-01',
    doc jsonb default '{"a": 1, "b": [1, 2], "c": {"d": "e"}}', tags text[] default '{x,y}', spell int4range default '[1,5)',
    words tsvector, feeling mood default 'ok', both_ pair default '(1,2)', doubled numeric generated always as (price * 2) stored);
insert into things (id, name, kind, price, words) select n, 'thing ' || n, (array['a', 'b', 'c'])[n % 3 + 1], n * 1.5, to_tsvector('simple', 'thing number ' || n)
    from generate_series(1, 50) n;
create table parts (id int primary key, thing int references things, amount int);
insert into parts select n, n % 50 + 1, n from generate_series(1, 100) n;
create index on parts (thing);
create table tree (id int primary key, parent int, name text);
insert into tree select n, nullif(n / 2, 0), 'node ' || n from generate_series(1, 15) n;
create table written (n int, note text default '');
create table keyed (id int primary key, n int, note text);
create table numbered (id int generated always as identity, s serial, n int);
create table "Odd Name" ("select" int, "Mixed" text);
create table mine (like things including all);

create unlogged table fleeting (id int);
create view view_of_fleeting as select id from fleeting;
create view view_of_view_of_fleeting as select id from view_of_fleeting;
create sequence ticket;
create view view_of_ticket as select last_value from ticket;
create table measured (at date, n int) partition by range (at);
create table measured_old partition of measured for values from ('2000-01-01') to ('2020-01-01');
create table measured_new partition of measured for values from ('2020-01-01') to ('2040-01-01');
create table half_fleeting (n int) partition by list (n);
create table half_fleeting_1 partition of half_fleeting for values in (1);
create unlogged table half_fleeting_2 partition of half_fleeting for values in (2);
create table forebear (id int);
create table heir (extra int) inherits (forebear);
create table risky_forebear (id int);
create unlogged table risky_heir () inherits (risky_forebear);

create function calm(int) returns int language sql immutable as 'select $1 + 1';
create function calm_steady() returns bigint language sql stable as 'select count(*) from things';
create function calm_rows(int) returns setof things language sql stable as 'select * from things limit $1';
create function calm_table(n int) returns table (a int, b text) language sql stable as 'select id, name from things limit n';
create function calm_named(a int, b int default 2, c int default 3) returns int language sql immutable as 'select a + b + c';
create function calm_many(variadic int[]) returns int language sql immutable as 'select cardinality($1)';
create function calm_out(a int, out b int, out c int) language sql immutable as 'select a, a';
create function calm_of(things) returns text language sql immutable as 'select $1.name';
create function calm_atomic(a int) returns int language sql stable begin atomic select count(*)::int + a from things; end;
create function calm_plpgsql(a int) returns int language plpgsql stable as 'begin return a; end';
create function "Calm Whisper"() returns int language sql immutable as 'select 1';
create function "select"() returns int language sql immutable as 'select 1';
create aggregate calm_sum(int) (sfunc = int4pl, stype = int, initcond = '0');
create operator %%% (leftarg = int, rightarg = int, function = int4pl);
create operator !!! (rightarg = int, function = calm);
create domain positive as int check (value > 0);

create function loud() returns int language sql volatile as 'insert into routed.written values (1) returning n';
create function loud(int) returns int language sql volatile as 'insert into routed.written values ($1) returning n';
create function loud_bool(int) returns bool language sql volatile as 'insert into routed.written values ($1) returning true';
create function loud_rows() returns setof int language sql volatile as 'insert into routed.written values (1), (2) returning n';
create function loud_plpgsql() returns int language plpgsql as 'begin insert into routed.written values (3); return 3; end';
create function loud_default(a int default routed.loud()) returns int language sql immutable as 'select a';
create function loud_atomic() returns int language sql stable begin atomic select loud(); end;
create function loud_text() returns int language sql stable as 'select routed.loud()';
create function loud_many(variadic int[]) returns int language sql volatile as 'insert into routed.written values ($1[1]) returning n';
create function loud_of(things) returns int language sql volatile as 'insert into routed.written values ($1.id) returning n';
create function "Loud Shout"() returns int language sql volatile as 'insert into routed.written values (4) returning n';
create function loud_add(int, int) returns int language sql volatile as 'insert into routed.written values ($2) returning n + $1';
create function overloaded(int) returns int language sql immutable as 'select $1';
create function overloaded(text) returns int language sql volatile as 'insert into routed.written values (5) returning n';
create function idle() returns int language sql volatile as 'select 1';
create function secure_loud() returns int language sql volatile security definer as 'insert into routed.written values (6) returning n';
create procedure acts() language sql as 'insert into routed.written values (7)';
create procedure does_nothing() language plpgsql as 'begin end';

create aggregate loud_sum(int) (sfunc = loud_add, stype = int, initcond = '0');
create function loud_final(int) returns int language sql volatile as 'insert into routed.written values ($1) returning n';
create aggregate loud_end(int) (sfunc = int4pl, stype = int, initcond = '0', finalfunc = loud_final);
create operator @#@ (leftarg = int, rightarg = int, function = loud_add);
create operator @#! (rightarg = int, function = loud);
create type raw as (a int);
create type wrapped as (n int);
create function wrap(raw) returns wrapped language sql volatile as 'insert into routed.written values (($1).a) returning row(n)::routed.wrapped';
create cast (raw as wrapped) with function wrap(raw);
create domain checked as int check (routed.loud_bool(value));
create domain checked_twice as checked check (value > 0);
create domain defaulted as int default routed.loud();
create type holder as (held checked);

-- A type that is compared by a function which writes.
create type coin as (cents int);
create function coin_compare(coin, coin) returns int language sql volatile as
    $$ with w as (insert into routed.written values (8) returning n) select btint4cmp(($1).cents, ($2).cents) from w $$;
create function coin_lt(coin, coin) returns bool language sql volatile as 'select routed.coin_compare($1, $2) < 0';
create function coin_le(coin, coin) returns bool language sql volatile as 'select routed.coin_compare($1, $2) <= 0';
create function coin_eq(coin, coin) returns bool language sql volatile as 'select routed.coin_compare($1, $2) = 0';
create function coin_ge(coin, coin) returns bool language sql volatile as 'select routed.coin_compare($1, $2) >= 0';
create function coin_gt(coin, coin) returns bool language sql volatile as 'select routed.coin_compare($1, $2) > 0';
create operator |<| (leftarg = coin, rightarg = coin, function = coin_lt, commutator = |>|);
create operator |<=| (leftarg = coin, rightarg = coin, function = coin_le, commutator = |>=|);
create operator |=| (leftarg = coin, rightarg = coin, function = coin_eq, commutator = |=|);
create operator |>=| (leftarg = coin, rightarg = coin, function = coin_ge);
create operator |>| (leftarg = coin, rightarg = coin, function = coin_gt);
create table purse (c coin);
insert into purse values (row(1)::coin), (row(2)::coin), (row(3)::coin);
reset role;
create operator class routed.coin_ops default for type routed.coin using btree as operator 1 routed.|<|, operator 2 routed.|<=|,
    operator 3 routed.|=|, operator 4 routed.|>=|, operator 5 routed.|>|, function 1 routed.coin_compare(routed.coin, routed.coin);
set role app;

create view calm_view as select id, name from things;
create view calm_view_2 as select id from calm_view where id > 2;
create view calm_barrier with (security_barrier) as select id from things where id < 10;
create view calm_invoker with (security_invoker) as select id from things;
create recursive view calm_count (n) as values (1) union all select n + 1 from calm_count where n < 5;
create view calm_checked as select id, name from things where id < 10 with cascaded check option;
create view loud_view as select loud() as n;
create view loud_view_2 as select n from loud_view;
create view loud_view_3 as select id from things where exists (select 1 from loud_view_2);
create view loud_barrier with (security_barrier) as select id from things where loud_bool(id);
create view loud_operator_view as select id @#@ 1 as n from things;
create view loud_cast_view as select row(id)::raw::wrapped as w from things;
create view loud_default_view as select loud_default() as n;
create view locking_view as select id from things for update;
create view system_view as select oid, relname from pg_class;
create view statistics_view as select pid, query from pg_stat_activity;
create view lock_view as select pg_advisory_xact_lock(1)::text as l;
create view sequence_view as select nextval('routed.ticket') as n;
create materialized view summary as select kind, count(*) as n from things group by kind;
create unique index on summary (kind);
create materialized view loud_summary as select loud() as n;
create view view_of_summary as select * from summary;
create view outside_view as select line from outside;

create table guarded (id int, owner text default current_user);
insert into guarded select n from generate_series(1, 5) n;
alter table guarded enable row level security; alter table guarded force row level security;
create policy of_ids on guarded using (loud_bool(id));
create view view_of_guarded as select * from guarded;
create table calm_guarded (id int);
insert into calm_guarded select n from generate_series(1, 5) n;
alter table calm_guarded enable row level security; alter table calm_guarded force row level security;
create policy of_ids on calm_guarded using (id > 2);
create table idle_guarded (id int);
create policy of_ids on idle_guarded using (loud_bool(id));

create table ruled (n int);
create rule ruled_insert as on insert to ruled do also insert into written values (new.n);
create rule ruled_update as on update to ruled do instead nothing;
create view written_view as select n, note from written;
create view instead_view as select n from written;
create rule instead_insert as on insert to instead_view do instead insert into written values (new.n);
create function on_change() returns trigger language plpgsql as 'begin insert into routed.written values (9); return new; end';
create table triggered (n int);
create trigger changes before insert or update on triggered for each row execute function on_change();
create table loud_table (a int default routed.loud(), b checked);
create table doomed (n int); create view doomed_view as select 1 as n; create sequence doomed_sequence;
create function doomed() returns int language sql as 'select 1'; create index doomed_index on doomed (n);
create type doomed_type as (n int); create domain doomed_domain as int; create materialized view doomed_summary as select 1 as n;
create aggregate doomed_sum(int) (sfunc = int4pl, stype = int); create operator @@@@ (leftarg = int, rightarg = int, function = int4pl);
create procedure doomed_procedure() language sql as 'select 1'; create cast (doomed_type as mood) with inout;
create statistics doomed_statistics on id, name from things; create policy doomed_policy on mine using (true);
create rule doomed_rule as on delete to doomed do also nothing; create trigger doomed_trigger before insert on doomed for each row execute function on_change();
create collation doomed_collation (locale = 'C'); create text search configuration doomed_search (copy = simple);
create schema routed_doomed;
create table emptied (n int);
