--- primary: relations that only the primary has
select count(*) from fleeting
select * from routed.fleeting
table fleeting
select * from view_of_fleeting
select * from view_of_view_of_fleeting
select * from half_fleeting
select * from half_fleeting_2
select * from risky_forebear
select * from risky_heir
select id from things where id in (select id from fleeting)
select * from things left join fleeting using (id)
with a as (select * from fleeting) select * from a
select 1 union select id from fleeting
select (select max(id) from fleeting)
select * from "fleeting"
select * from FLEETING
select fleeting.id from fleeting
select * from U&"fl\0065eting"
select count(*) from corpus.routed.fleeting
with fleeting as (select * from fleeting) select * from fleeting
with x as (with things as (select 1) select * from things) select * from x, fleeting
select * from (with fleeting as (select 1) select * from fleeting) a, fleeting
explain select * from fleeting
--- either: relations that the primary's sibling has
--- because: the parent alone, or the other partition, could be read anywhere
select * from only risky_forebear
select * from half_fleeting_1
--- primary: foreign tables
--- error: any
select * from outside
select * from outside_view
select * from afar
select count(*) from things, outside
--- primary: catalogues
select count(*) from pg_class
select relname from pg_catalog.pg_class limit 1
select * from "pg_catalog"."pg_namespace" limit 1
select * from PG_ATTRIBUTE limit 1
table pg_type
select a.attname from things, pg_attribute a limit 1
select datname from pg_database
select * from pg_settings limit 1
select * from pg_tables limit 1
select * from pg_indexes limit 1
select * from pg_views limit 1
select * from pg_roles limit 1
select * from pg_user limit 1
select * from pg_sequences
select * from pg_stats limit 1
select * from pg_timezone_names limit 1
select * from pg_available_extensions limit 1
select * from information_schema.tables limit 1
select * from information_schema.columns limit 1
select * from information_schema.sequences
select * from information_schema.routines limit 1
select * from system_view limit 1
select (select count(*) from pg_proc)
with a as (select * from pg_index) select 1 from a limit 1
explain select * from pg_class
--- primary: statistics and what sessions do
select * from pg_stat_activity
select * from pg_stat_database
select * from pg_stat_user_tables
select * from pg_statio_user_tables
select * from pg_stat_user_functions
select * from pg_stat_bgwriter
select * from pg_stat_archiver
select * from pg_stat_wal
select * from pg_stat_slru
select * from pg_stat_ssl
select * from pg_stat_progress_vacuum
select * from pg_stat_database_conflicts
select * from pg_stat_subscription
select * from pg_locks
select * from pg_cursors
select * from pg_prepared_statements
select * from pg_prepared_xacts
select * from statistics_view
select * from pg_stat_get_activity(null)
select pg_stat_get_numscans('things'::regclass)
select * from pg_lock_status()
select * from pg_show_all_settings() limit 1
select * from pg_cursor()
select * from pg_prepared_statement()
--- primary: catalogues that are not for everybody
--- error: 42501
select * from pg_authid
select * from pg_shadow
select * from pg_file_settings
--- primary: relations that nobody knows
--- error: 42P01
select * from nothing_of_this_name
select * from things, nothing_of_this_name
select * from nowhere.things
with recursive a as (select 1) select * from b
select * from pg_temp.things
--- primary: large objects as a table
--- error: 42501
select * from pg_largeobject
--- primary: columns that nobody knows may be functions
--- known: the b of a.b, known to nobody, counts as a column
--- error: any
select t.nothing_of_this_name from things t
