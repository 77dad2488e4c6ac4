--- harmless: text
select upper(name), lower(name), initcap(name), length(name), reverse(name), repeat('x', 3), replace(name, 't', 'T'), split_part(name, ' ', 1) from things limit 1
select lpad('x', 3), rpad('x', 3, 'y'), left('abc', 2), right('abc', 2), btrim(' x '), translate('abc', 'a', 'b'), ascii('a'), chr(65), md5('x'), to_hex(255)
select regexp_replace('abc', 'b', 'x', 'g'), regexp_split_to_array('a b', ' '), regexp_count('aba', 'a'), regexp_substr('abc', 'b.'), regexp_like('a', 'a')
select format('%s %I %L', 'a', 'b', 'c'), quote_ident('x y'), quote_literal('x'), quote_nullable(null), concat('a', 1), concat_ws(',', 'a', 'b')
select encode('x'::bytea, 'base64'), decode('eA==', 'base64'), sha256('x'), convert_to('x', 'UTF8'), get_byte('x'::bytea, 0), set_bit('x'::bytea, 1, 0)
select 'a' || 'b', 'abc' ^@ 'a', starts_with('abc', 'a'), unistr('\0041'), string_to_array('a,b', ','), array_to_string(array[1, 2], ',')
select parse_ident('a.b'), overlay('abc' placing 'x' from 2), substr('abc', 2), strpos('abc', 'b'), octet_length('x'), bit_length('x')
--- harmless: numbers
select abs(-1), ceil(1.5), floor(1.5), round(1.567, 2), trunc(1.5), mod(7, 3), power(2, 3), sqrt(4), cbrt(8), exp(1), ln(2), log(100), sign(-1), div(7, 2), gcd(4, 6), lcm(4, 6)
select 1 + 2, 1 - -1, 2 * 3, 7 / 2, 7 % 3, 2 ^ 3, |/ 4, ||/ 8, @ -5, 5 & 3, 5 | 3, 5 # 3, ~ 1, 1 << 2, 8 >> 1, - 1, + 1
select pi(), degrees(1), radians(1), sin(1), cosd(60), atan2(1, 2), width_bucket(5, 0, 10, 5), scale(1.50), min_scale(1.50), trim_scale(1.50), factorial(5)
select random(), random() > 2
--- harmless: dates
select now(), transaction_timestamp(), statement_timestamp(), clock_timestamp(), timeofday()
select age(timestamp '2020-01-01', timestamp '2019-01-01'), age(date '2020-01-01'), date_part('year', now()), date_trunc('month', now()), date_bin('1 day', now(), '2020-01-01')
select make_date(2020, 1, 1), make_time(1, 2, 3), make_interval(days => 3), make_timestamp(2020, 1, 1, 1, 1, 1), justify_days('35 days'), isfinite(now()), to_timestamp(0)
select to_char(now(), 'YYYY'), to_date('2020', 'YYYY'), to_number('12', '99'), to_timestamp('2020', 'YYYY'), now() - interval '1 day', 'now'::timestamptz, 'today'::date
--- harmless: json, arrays, ranges, search, other types
select doc -> 'b' -> 0, doc ->> 'a', doc #> '{c,d}', doc #>> '{c,d}', doc @> '{"a": 1}', '{}' <@ doc, doc ? 'a', doc ?| array['a'], doc ?& array['a'], doc - 'a', doc || '{"z": 1}' from things limit 1
select doc @? '$.a', doc @@ '$.a == 1', jsonb_path_query(doc, '$.b[*]'), jsonb_path_exists(doc, '$.a'), doc['a'] from things limit 1
select to_json(1), to_jsonb(t), row_to_json(t), json_build_object('a', 1), jsonb_build_array(1, 2), jsonb_set(doc, '{a}', '2'), jsonb_strip_nulls(doc), jsonb_pretty(doc), jsonb_typeof(doc) from things t limit 1
select array_append(array[1], 2), array_length(array[1], 1), array_position(array[1, 2], 2), array_remove(array[1], 1), cardinality(tags), tags @> array['x'], tags && array['x'], tags || 'z'::text from things limit 1
select lower(spell), upper(spell), spell @> 3, spell && int4range(1, 2), isempty(spell), spell * '[1,2]', spell -|- '[9,10)', int4multirange(spell), range_merge(spell, '[7,8)') from things limit 1
select words @@ to_tsquery('simple', 'thing & number'), ts_rank(words, 'thing'), ts_headline('a thing', 'thing'), plainto_tsquery('x y'), websearch_to_tsquery('x -y'), setweight(words, 'A') from things limit 1
select inet '10.0.0.1/8' << inet '10.0.0.0/8', host('10.0.0.1'), masklen('10.0.0.0/8'), network('10.0.0.1/8'), macaddr '08:00:2b:01:02:03', abbrev(inet '10.0.0.0/8')
select point(1, 2) <-> point(3, 4), box '((0,0),(1,1))' @> point '(0.5,0.5)', area(circle '<(0,0),1>'), lseg '((0,0),(1,1))' ?# lseg '((0,1),(1,0))', path '((0,0),(1,1))'
select xmlelement(name foo, xmlattributes(1 as bar), 'x'), xmlforest(id, name), xmlconcat('<a/>', '<b/>'), xpath('/a/text()', '<a>x</a>'), xmlserialize(content xml '<a/>' as text), xml '<a/>' is document from things limit 1
select xmlagg(xmlelement(name i, id)), xmlexists('/a' passing xml '<a/>'), xmlpi(name php), xmlroot(xml '<a/>', version '1.0'), xmlparse(document '<a/>') from things
select gen_random_uuid(), '00000000-0000-0000-0000-000000000000'::uuid
select b'101' & b'110', x'ff'::int, bit '1' || b'0', '1'::money + '2'::money, '(1,2)'::pair, 'ok'::mood > 'sad', enum_range(null::mood), '[1,2]'::span
select num_nulls(1, null), num_nonnulls(1), hashtext('x')
--- harmless: what the catalogue knows, the same on every node
select version(), current_database(), current_schema(), current_schemas(true), pg_client_encoding(), pg_encoding_to_char(6)
select pg_typeof(id), format_type(23, null), to_regclass('things'), to_regtype('int4'), 'things'::regclass, 'int'::regtype from things limit 1
select has_table_privilege('things', 'select'), has_schema_privilege('public', 'usage'), has_database_privilege('corpus', 'connect'), pg_has_role('app', 'member')
select obj_description('things'::regclass, 'pg_class'), col_description('things'::regclass, 1), pg_get_viewdef('calm_view'::regclass), pg_get_userbyid(10), pg_get_expr(null, 0)
select pg_table_is_visible('things'::regclass), pg_get_indexdef('things_pkey'::regclass), pg_get_serial_sequence('numbered', 's'), pg_size_pretty(1024::bigint), pg_size_bytes('1 MB')
--- harmless: volatile, but harmless by configuration
select pg_backend_pid() > 0
select pg_is_in_recovery()
select inet_server_port()
select pg_sleep(0), pg_sleep_for('0 s'), pg_sleep_until(now())
select pg_catalog.random(), pg_catalog.clock_timestamp()
select uuid_generate_v4()
--- harmless: functions of users and extensions
select calm(1), routed.calm(2), calm_steady(), calm_atomic(1), calm_plpgsql(3)
select calm_named(1), calm_named(1, 2, 3), calm_named(a => 1, c => 5), calm_named(1, c := 5), calm_many(1, 2, 3), calm_many(variadic array[1, 2])
select calm_sum(id), calm_sum(distinct id), calm_sum(id) filter (where id > 2), calm_sum(id) over () from things group by id limit 1
select id %%% 2, !!! id, id operator(routed.%%%) 3, 1 operator(pg_catalog.+) 2 from things limit 1
select 5::positive, cast(6 as positive), array[1]::positive[]
select t.calm_of, calm_of(t), (t).calm_of, calm_of(t.*) from things t limit 1
select * from things order by calm(id) limit 1
select 'a=>1'::hstore -> 'a', hstore('a', 'b') || 'c=>d', akeys('a=>1'), 'top.sub'::ltree <@ 'top', subpath('a.b.c', 0, 2)
select similarity('a', 'b'), 'abc' % 'abd', 'a' <-> 'b', word_similarity('a', 'b'), show_trgm('abc'), 'A'::citext = 'a'
select digest('x', 'sha256'), hmac('x', 'y', 'md5'), crypt('x', '$1$abcdefgh'), soundex('x'), levenshtein('a', 'b'), metaphone('abc', 4), unaccent('ä')
select uuid_nil(), uuid_generate_v5(uuid_ns_dns(), 'x'), idx(array[1, 2], 2), array[1, 2] & array[2], sort(array[2, 1]), cube(1, 2) <-> cube(2, 3)
--- primary: sequences
select nextval('ticket')
select pg_catalog.nextval('ticket')
select nextval('ticket'::regclass)
select "nextval"('ticket')
select NextVal('ticket')
select setval('ticket', 5)
select setval('ticket', 5, true)
select last_value from ticket
select * from ticket
table ticket
select last_value from view_of_ticket
select pg_sequence_last_value('ticket'::regclass)
select case when false then nextval('ticket') end
select * from generate_series(1, nextval('ticket')) limit 1
select coalesce(null, nextval('ticket'))
select (select nextval('ticket'))
select id from things where id = nextval('ticket')
select nextval(pg_get_serial_sequence('numbered', 's'))
--- primary: sequences, of this session
--- error: 55000
select currval('ticket')
select lastval()
--- primary: advisory locks
select pg_advisory_xact_lock(1)
select pg_advisory_xact_lock_shared(1, 2)
select pg_try_advisory_xact_lock(3)
select pg_try_advisory_xact_lock_shared(3)
select pg_advisory_lock(4)
select pg_advisory_lock_shared(4, 4)
select pg_try_advisory_lock(5)
select pg_try_advisory_lock_shared(5)
select pg_advisory_unlock(6)
select pg_advisory_unlock_shared(6)
select pg_advisory_unlock_all()
select pg_catalog.pg_advisory_xact_lock(hashtext('x'))
select id from things where pg_try_advisory_xact_lock(id) limit 1
select * from pg_try_advisory_xact_lock(8)
select PG_ADVISORY_XACT_LOCK(9)
with l as (select pg_advisory_xact_lock(10)) select 1 from l
--- primary: transaction ids and snapshots
select txid_current()
select txid_current_if_assigned()
select txid_current_snapshot()
select txid_snapshot_xmin(txid_current_snapshot())
select pg_current_xact_id()
select pg_current_xact_id_if_assigned()
select pg_current_snapshot()
select pg_export_snapshot()
--- either: ids of transactions
--- because: the same answer wherever the transaction has been replayed
select txid_status(3)
select pg_xact_status('3'::xid8)
select pg_visible_in_snapshot('3'::xid8, '10:20:10'::pg_snapshot)
select age(xmin) from things limit 1
select mxid_age('1'::xid)
--- either: commit times
--- because: they fail while track_commit_timestamp is off, on any node
--- error: 55000
select pg_xact_commit_timestamp('3'::xid)
select * from pg_last_committed_xact()
--- primary: large objects
select lo_create(0)
select lo_creat(-1)
select lo_from_bytea(0, 'x')
select lo_unlink(lo_create(0))
select lo_put(lo_create(0), 0, 'x')
select lowrite(lo_open(lo_create(0), 131072), 'x')
--- primary: large objects that are not there
--- error: 42704
select lo_get(1)
select lo_open(1, 262144)
select loread(lo_open(1, 262144), 10)
--- primary: large objects of the server's files
--- error: 42501
select lo_import('/etc/hostname')
select lo_export(1, '/tmp/never')
--- primary: files of a node
--- error: any
select pg_read_file('postgresql.conf')
select pg_read_binary_file('PG_VERSION')
select pg_stat_file('PG_VERSION')
select * from pg_ls_dir('.')
select * from pg_ls_logdir()
select * from pg_ls_waldir()
select * from pg_ls_tmpdir()
select pg_file_write('x', 'y', false)
--- primary: the log and replication
select pg_current_wal_lsn()
select pg_current_wal_insert_lsn()
select pg_current_wal_flush_lsn()
select pg_walfile_name(pg_current_wal_lsn())
select pg_last_wal_replay_lsn()
select pg_last_wal_receive_lsn()
select pg_last_xact_replay_timestamp()
select * from pg_replication_slots
select * from pg_stat_replication
select * from pg_stat_wal_receiver
select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
--- primary: the log and replication, not allowed or not now
--- error: any
select pg_is_wal_replay_paused()
select pg_get_wal_replay_pause_state()
select pg_wal_replay_pause()
select pg_wal_replay_resume()
select pg_switch_wal()
select pg_create_restore_point('x')
select pg_promote(false, 1)
select pg_backup_start('x')
select pg_backup_stop()
select pg_create_physical_replication_slot('x')
select pg_create_logical_replication_slot('x', 'test_decoding')
select pg_drop_replication_slot('x')
select pg_copy_physical_replication_slot('x', 'y')
select pg_replication_slot_advance('x', '0/0')
select * from pg_logical_slot_get_changes('x', null, null)
select * from pg_logical_slot_peek_changes('x', null, null)
select pg_logical_emit_message(false, 'x', 'y')
select pg_replication_origin_create('x')
select pg_replication_origin_session_setup('x')
select pg_replication_origin_progress('x', true)
select pg_log_standby_snapshot()
--- primary: other sessions and the server
--- error: any
select pg_cancel_backend(1)
select pg_terminate_backend(1)
select pg_reload_conf()
select pg_rotate_logfile()
select pg_log_backend_memory_contexts(1)
select pg_stat_reset()
select pg_stat_reset_shared('bgwriter')
select pg_stat_reset_single_table_counters(1)
select pg_import_system_collations('pg_catalog')
select pg_prewarm('things')
select pg_hba_file_rules()
select pg_blocking_pids(1)
select pg_stat_statements_reset()
select pg_get_backend_memory_contexts()
select pg_stat_get_backend_pid(1)
select pg_notification_queue_usage()
select pg_listening_channels()
select pg_stat_clear_snapshot()
select pg_stat_force_next_flush()
select pg_my_temp_schema()
select brin_summarize_new_values('things_pkey'::regclass)
select gin_clean_pending_list('things_pkey'::regclass)
--- primary: settings and notifications by function
select set_config('work_mem', '5MB', false)
select set_config('work_mem', '5MB', true)
select pg_catalog.set_config('search_path', 'routed', false)
select "set_config"('app.x', 'y', false)
select set_config(name, setting, false) from (values ('app.a', 'b')) v (name, setting)
select id from things where set_config('app.b', id::text, false) = '1'
select pg_notify('me', 'x')
select pg_notify('me', name) from things
select setseed(0.5)
select set_limit(0.3)
select current_setting('transaction_read_only')
select current_setting('in_hot_standby')
select current_setting('app.nothing', true)
--- primary: SQL from a string
select query_to_xml('select routed.loud()', true, true, '')
select query_to_xmlschema('select 1', true, true, '')
select query_to_xml_and_xmlschema('select routed.loud()', true, true, '')
select table_to_xml('loud_view', true, true, '')
select schema_to_xml('routed_doomed', true, true, '')
--- primary: SQL for another connection
--- error: 2F003
select * from dblink('dbname=corpus', 'select 1') as t (n int)
select dblink_exec('dbname=corpus', 'delete from written')
select dblink_connect('dbname=corpus')
--- primary: SQL from a string, by modules
select ts_stat('select words from things')
select ts_rewrite('a'::tsquery, 'select ''a''::tsquery, ''b''::tsquery')
select * from crosstab('select id, kind, price from things order by 1') as c (id int, a numeric)
select * from connectby('tree', 'id', 'parent', '1', 0) as t (id int, parent int, level int)
select * from xpath_table('id', 'doc::text', 'things', '/x', 'true') as t (id int, x text)
--- primary: functions that nobody knows
--- error: 42883
select unknown_function_of_nobody()
select random_normal()
select pg_catalog.array_shuffle(array[1])
select nowhere(id) from things
--- primary: functions in a schema that nobody knows
--- error: 3F000
select nowhere.calm(1)
--- either: what one node says of itself
--- because: the answer is of the node, and applications rarely mean the primary's
select pg_postmaster_start_time()
select pg_conf_load_time()
select inet_server_addr()
select inet_client_addr()
select inet_client_port()
select pg_jit_available()
select current_query()
--- either: sizes
--- because: declared volatile by PostgreSQL
select pg_relation_size('things')
select pg_table_size('things'), pg_indexes_size('things'), pg_total_relation_size('things')
select pg_database_size('corpus')
select pg_column_size(1)
select gen_salt('md5')
select uuid_generate_v1()
select * from pgrowlocks('things')
