--- primary: tables
--- ddl
create table made (a int, b text)
create table if not exists made (a int)
create table made_2 (like things including all, extra int default 3 check (extra > 0), unique (extra))
create unlogged table made_3 (a int)
create temp table made_4 (a int)
create local temporary table made_5 (a int) on commit delete rows
create global temp table made_6 (a int)
create table pg_temp.made_7 (a int)
create table made_8 (a int) inherits (forebear)
create table made_9 (a int) partition by list (a)
create table made_10 partition of made_9 for values in (1)
create table made_11 of pair
create table made_12 (a serial primary key, b int references made_12) with (fillfactor = 70)
alter table made add column c int
alter table if exists made rename to made_renamed
alter table made_renamed rename column a to aa
alter table made_2 alter column extra set default 5, drop constraint made_2_extra_check
alter table made_2 set unlogged
alter table made_2 set logged
alter table made_2 set (fillfactor = 50)
alter table made_2 enable row level security
alter table made_2 owner to app
alter table made_2 set schema routed_doomed
create table made_13 (a int)
alter table made_9 attach partition made_13 default
alter table made_9 detach partition made_10
drop table made_3
drop table if exists made_4, made_5 cascade
comment on table things is 'x'
comment on column things.id is null
--- primary: other relations
--- ddl
create view made_view as select 1 as a
create or replace view made_view as select 1 as a, 2 as b
create temp view made_view_2 as select 1 as a
create recursive view made_view_3 (n) as select 1
alter view made_view alter column a set default 1
drop view doomed_view
create materialized view if not exists made_summary as select 1 as a with no data
refresh materialized view summary
refresh materialized view concurrently summary
refresh materialized view summary with no data
alter materialized view doomed_summary rename to doomed_summary_2
drop materialized view doomed_summary_2
create sequence made_sequence increment 2
create temporary sequence made_sequence_2
alter sequence ticket restart
drop sequence doomed_sequence
create index on things (name)
create index concurrently made_index on things (kind)
create unique index if not exists made_index_2 on things using btree (id desc nulls last) include (name) where id > 0
alter index made_index rename to made_index_3
drop index concurrently made_index_3
drop index doomed_index
create statistics made_statistics (dependencies) on id, kind from things
drop statistics doomed_statistics
--- primary: functions, types, operators
--- ddl
create function made_function() returns int language sql as 'select 1'
create or replace function made_function() returns int language sql stable as 'select 2'
create function made_function(int) returns int return $1 + 1
create procedure made_procedure() language sql begin atomic insert into written values (1); end
alter function made_function() volatile
alter function made_function() rename to made_function_2
drop function made_function_2()
drop function if exists doomed()
drop procedure doomed_procedure
drop routine if exists nobody_knows
create aggregate made_sum(int) (sfunc = int4pl, stype = int)
drop aggregate doomed_sum(int)
create operator @@@! (leftarg = int, rightarg = int, function = int4pl)
drop operator @@@@ (int, int)
create type made_type as (a int)
create type made_enum as enum ('x')
alter type made_enum add value 'y'
create domain made_domain as int check (value > 0)
alter domain made_domain set default 3
drop domain doomed_domain
create cast (made_type as text) with inout
drop cast (doomed_type as mood)
drop type doomed_type
create collation made_collation (locale = 'C')
drop collation doomed_collation
create text search configuration made_search (copy = simple)
create text search dictionary made_dictionary (template = simple)
drop text search configuration doomed_search
create conversion made_conversion for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8
--- primary: triggers, rules, policies, rights
--- ddl
create trigger made_trigger after insert on doomed for each statement execute function on_change()
create or replace trigger made_trigger after insert on doomed for each statement execute function on_change()
alter table doomed disable trigger all
drop trigger doomed_trigger on doomed
create rule made_rule as on insert to doomed do instead nothing
drop rule doomed_rule on doomed
create policy made_policy on mine for select to public using (true)
alter policy made_policy on mine using (false)
drop policy doomed_policy on mine
grant select on things to public
grant all on schema routed to clerk
revoke select on things from public
alter default privileges in schema routed grant select on tables to clerk
reassign owned by app to app
--- primary: schemas and what belongs to the cluster
--- ddl
--- error: any
create schema made_schema
create schema if not exists made_schema create table t (a int)
alter schema routed_doomed rename to routed_doomed_2
drop schema if exists routed_doomed_2, made_schema cascade
create database made_database
alter database corpus set work_mem = '4MB'
alter database corpus reset work_mem
drop database if exists made_database
create role made_role
create user made_user password 'x'
alter role app set work_mem = '4MB'
alter role app reset all
drop role if exists made_role
grant clerk to keeper
create tablespace made_space location '/tmp/never'
drop tablespace if exists made_space
create extension if not exists hstore
alter extension hstore update
drop extension if exists nobody_knows
create language made_language handler plpgsql_call_handler
create server made_server foreign data wrapper file_fdw
create foreign data wrapper made_wrapper
create user mapping for app server files
import foreign schema x from server loopback into routed
create publication made_publication for table things
alter publication made_publication set table parts
drop publication made_publication
create subscription made_subscription connection 'dbname=x' publication y with (connect = false)
drop subscription if exists made_subscription
create event trigger made_event on ddl_command_start execute function on_change()
drop event trigger if exists made_event
create access method made_method type table handler heap_tableam_handler
create transform for int language sql (from sql with function int4in(cstring))
drop owned by keeper
alter large object 1 owner to app
alter system set work_mem = '4MB'
alter system reset work_mem
security label on table things is 'x'
create foreign table made_foreign (a int) server files
create operator class made_class for type int using btree as operator 1 <
create operator family made_family using btree
