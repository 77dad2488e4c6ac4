"""What a session sets is what it later sees, in whichever transaction and way it asks."""

from .notation import B, E, P, Q, S, beside, run, start

SHOWN = "select current_setting('work_mem'), current_setting('search_path'), current_setting('my.own', true)"

LEFT = ("select current_user, current_setting('work_mem'), current_setting('search_path'),"
        " current_setting('datestyle'), current_setting('default_transaction_isolation')")


def keeps(*changes, show):
    """Each change, and after it the setting, twice."""
    return [step for change in changes for step in (Q(change), Q(show), [run(show), S])]


SCRIPTS = {
    "set_and_show": keeps("set work_mem = '3MB'", "set work_mem to default", show="show work_mem"),
    "set_twice_and_reset": keeps("set work_mem = '3MB'", "set work_mem = '5MB'", "reset work_mem",
                                 show="show work_mem"),
    "set_by_the_extended_protocol": [[run("set work_mem = '3MB'"), S], [run("show work_mem"), S],
                                     [run("reset work_mem"), S], [run("show work_mem"), S]],
    "set_and_show_in_one_query": [Q("set work_mem = '3MB'; show work_mem"), Q("show work_mem")],
    "set_in_a_pipeline": [[run("set work_mem = '3MB'"), S, run("show work_mem"), S,
                           run("set work_mem = '4MB'"), run("show work_mem"), S, run("show work_mem"), S]],
    "set_of_a_bad_value": [Q("set work_mem = 'plenty'"), Q("show work_mem"), Q("set nowhere = 1"),
                           Q("set work_mem = '3MB'; set work_mem = 'plenty'"), Q("show work_mem")],
    "set_fails_in_the_middle_of_a_query": [
        Q("set work_mem = '3MB'; select 1/0; set work_mem = '4MB'"), Q("show work_mem")],
    "set_before_commit_in_a_query": [
        Q("set work_mem = '3MB'; commit; set work_mem = '4MB'; select 1/0"), Q("show work_mem")],
    "set_with_begin_inside": [Q("begin; set work_mem = '3MB'; commit; show work_mem"), Q("show work_mem"),
                              Q("begin; set work_mem = '4MB'; rollback; show work_mem"), Q("show work_mem")],
    "set_and_reset_inside": [Q("set work_mem = '3MB'; reset work_mem; show work_mem"), Q("show work_mem")],
    "set_committed": [Q("begin"), Q("set work_mem = '3MB'"), Q("commit"), Q("show work_mem")],
    "set_rolled_back": [Q("set work_mem = '2MB'"), Q("begin"), Q("set work_mem = '3MB'"), Q("show work_mem"),
                        Q("rollback"), Q("show work_mem")],
    "set_rolled_back_by_an_error": [Q("begin"), Q("set work_mem = '3MB'"), Q("select 1/0"), Q("commit"),
                                    Q("show work_mem")],
    "set_rolled_back_by_a_failing_commit": [
        Q("begin"), Q("set work_mem = '3MB'"), Q("insert into late values (1), (1)"), Q("commit"),
        Q("show work_mem")],
    "set_rolled_back_by_a_batch": [[run("set work_mem = '3MB'"), run("select 1/0"), S], Q("show work_mem")],
    "set_rolled_back_to_a_savepoint": [
        Q("begin"), Q("set work_mem = '2MB'"), Q("savepoint a"), Q("set work_mem = '3MB'"),
        Q("rollback to a"), Q("show work_mem"), Q("commit"), Q("show work_mem")],
    "set_released_with_its_savepoint": [
        Q("begin"), Q("savepoint a"), Q("set work_mem = '3MB'"), Q("release a"), Q("commit"),
        Q("show work_mem")],
    "set_released_then_rolled_back_further": [
        Q("begin"), Q("savepoint a"), Q("savepoint b"), Q("set work_mem = '3MB'"), Q("release b"),
        Q("rollback to a"), Q("commit"), Q("show work_mem")],
    "set_between_savepoints_of_one_name": [
        Q("begin"), Q("set work_mem = '2MB'"), Q("savepoint a"), Q("set work_mem = '3MB'"), Q("savepoint a"),
        Q("set work_mem = '4MB'"), Q("rollback to a"), Q("release a"), Q("rollback to a"), Q("commit"),
        Q("show work_mem")],
    "set_survives_chain": [
        Q("begin"), Q("set work_mem = '3MB'"), Q("commit and chain"), Q("set work_mem = '4MB'"),
        Q("rollback and chain"), Q("show work_mem"), Q("commit"), Q("show work_mem")],
    "reset_rolled_back": [Q("set work_mem = '3MB'"), Q("begin"), Q("reset work_mem"), Q("rollback"),
                          Q("show work_mem")],
    "reset_all_rolled_back": [Q("set work_mem = '3MB'; set my.own = 'mine'"), Q("begin"), Q("reset all"),
                              Q(SHOWN), Q("rollback"), Q(SHOWN)],
    "reset_all": [Q("set work_mem = '3MB'; set search_path = pg_catalog; set my.own = 'mine'"), Q(SHOWN),
                  Q("reset all"), Q(SHOWN)],
    "reset_all_in_a_pipeline": [[run("set work_mem = '3MB'"), S, run("reset all"), S, run("show work_mem"), S]],
    "reset_of_unknown": [Q("reset nowhere"), Q("reset no.where"), Q("show no.where")],
    "set_local": [Q("begin"), Q("set local work_mem = '3MB'"), Q("show work_mem"), Q("commit"),
                  Q("show work_mem")],
    "set_local_outside": [Q("set local work_mem = '3MB'"), Q("show work_mem")],
    "set_local_over_set": [
        Q("begin"), Q("set work_mem = '2MB'"), Q("set local work_mem = '3MB'"), Q("show work_mem"),
        Q("commit"), Q("show work_mem")],
    "set_over_set_local": [
        Q("begin"), Q("set local work_mem = '3MB'"), Q("set work_mem = '2MB'"), Q("show work_mem"),
        Q("commit"), Q("show work_mem")],
    "set_local_in_a_query": [Q("begin; set local work_mem = '3MB'; show work_mem; commit"), Q("show work_mem")],
    "set_session_word": keeps("set session work_mem = '3MB'", "set session work_mem = default",
                              show="show work_mem"),
    "own_setting": keeps("set my.own = 'a'", "set my.own = ''", "set my.own to default", "reset my.own",
                         show="select current_setting('my.own', true)"),
    "own_setting_never_set": [Q("show my.never"), Q("select current_setting('my.never', true)"),
                              Q("select current_setting('my.never')")],
    "own_setting_rolled_back": [Q("begin"), Q("set my.fresh = 'a'"), Q("rollback"),
                                Q("select current_setting('my.fresh', true)")],
    "own_setting_with_a_bad_name": [Q("set my.\"b c\" = 1"), Q("select set_config('a-b.c', 'x', false)"),
                                    Q("select 1")],
    "search_path": keeps('set search_path = "$user", public', "set search_path = ''",
                         "set search_path = pg_catalog, \"Odd \"\"name\"\"\"", "reset search_path",
                         show="show search_path"),
    "set_schema": keeps("set schema 'pg_catalog'", "reset search_path", show="show search_path"),
    "time_zone": keeps("set time zone 'Asia/Tokyo'", "set time zone +3", "set time zone interval '-05:30' hour"
                       " to minute", "set time zone local", "set time zone default", "set timezone = 'UTC'",
                       show="show timezone"),
    "names": keeps("set names 'LATIN1'", "set names 'UTF8'", "set names default", show="show client_encoding"),
    "names_unknown": [Q("set names 'klingon'"), Q("show client_encoding")],
    "role": keeps("set role clerk", "reset role", "set role none", "set role 'clerk'", "set role app",
                  show="select current_user, session_user, current_setting('role')"),
    "role_unknown": [Q("set role nobody_at_all"), Q("set role keeper"), Q("select current_user")],
    "role_rolled_back": [Q("begin"), Q("set role clerk"), Q("select current_user"), Q("rollback"),
                         Q("select current_user")],
    "role_local": [Q("begin"), Q("set local role clerk"), Q("select current_user"), Q("commit"),
                   Q("select current_user")],
    "role_and_reset_all": [Q("set role clerk"), Q("reset all"), Q("select current_user"), Q("discard all"),
                           Q("select current_user")],
    "role_may_not": [Q("set role clerk"), Q("select count(*) from word"), Q("reset role"),
                     Q("select count(*) from word")],
    "role_by_the_extended_protocol": [[run("set role clerk"), S], [run("select current_user"), S],
                                      [run("reset role"), S], [run("select current_user"), S]],
    "session_authorization": [
        Q("set session authorization app"), Q("select session_user, current_user"),
        Q("set session authorization keeper"), Q("select session_user, current_user"),
        Q("reset session authorization"), Q("select session_user, current_user")],
    "session_authorization_of_a_superuser": [
        start("chief"), Q("set session authorization app"), Q("select session_user, current_user"),
        Q("show is_superuser"), Q("set role clerk"), Q("select session_user, current_user"),
        Q("set session authorization default"), Q("select session_user, current_user"),
        Q("show is_superuser")],
    "session_authorization_rolled_back": [
        start("chief"), Q("begin"), Q("set session authorization app"), Q("select session_user"),
        Q("rollback"), Q("select session_user"), Q("begin; set local session authorization app; commit"),
        Q("select session_user")],
    "session_authorization_and_discard": [
        start("chief"), Q("set session authorization app"), Q("discard all"),
        Q("select session_user, current_user")],
    "session_characteristics": [
        Q("set session characteristics as transaction isolation level serializable"),
        Q("show default_transaction_isolation"), Q("show transaction_isolation"),
        Q("set session characteristics as transaction read only"), Q("delete from word"),
        Q("set session characteristics as transaction read write, isolation level read committed"),
        Q("show transaction_isolation"), Q("show default_transaction_read_only")],
    "session_characteristics_rolled_back": [
        Q("begin"), Q("set session characteristics as transaction isolation level serializable"),
        Q("rollback"), Q("show default_transaction_isolation")],
    "set_config_for_the_session": [
        Q("select set_config('work_mem', '3MB', false)"), Q("show work_mem"),
        [run("select set_config('work_mem', $1, false)", "4MB"), S], Q("show work_mem"),
        Q("reset work_mem"), Q("show work_mem")],
    "set_config_for_the_transaction": [
        Q("begin"), Q("select set_config('work_mem', '3MB', true)"), Q("show work_mem"), Q("commit"),
        Q("show work_mem"), Q("select set_config('work_mem', '3MB', true)"), Q("show work_mem")],
    "set_config_rolled_back": [
        Q("begin"), Q("select set_config('work_mem', '3MB', false)"), Q("rollback"), Q("show work_mem")],
    "set_config_of_many": [
        Q("select set_config('work_mem', '3MB', false), set_config('my.own', 'x', false)"), Q(SHOWN),
        Q("select set_config(name, '4MB', false) from (values ('work_mem')) v (name)"), Q(SHOWN)],
    "set_config_in_a_function": [
        Q("select remember('work_mem', '3MB')"), Q("show work_mem"), Q("select 1"), Q("show work_mem"),
        Q("reset work_mem"), Q("show work_mem")],
    "set_config_in_a_do_block": [
        Q("do $$begin perform set_config('work_mem', '3MB', false); end$$"), Q("show work_mem"),
        Q("do $$begin set work_mem = '4MB'; end$$"), Q("show work_mem")],
    "update_of_pg_settings": [
        Q("update pg_settings set setting = '3072' where name = 'work_mem'"), Q("show work_mem"),
        Q("show work_mem")],
    "reported_settings": [
        Q("set application_name = 'till 7'"), Q("set datestyle = 'sql, dmy'"), Q("set timezone = 'Asia/Tokyo'"),
        Q("set intervalstyle = 'iso_8601'"), Q("set client_encoding = 'latin1'"),
        Q("set standard_conforming_strings = off"), Q("set default_transaction_read_only = on"),
        Q("select 1"), Q("reset all")],
    "reported_settings_set_to_what_they_are": [
        Q("set timezone = 'UTC'"), Q("set application_name = ''"), Q("set client_encoding = 'UTF8'"),
        Q("reset all")],
    "reported_settings_in_a_transaction": [
        Q("begin"), Q("set application_name = 'one'"), Q("set local application_name = 'two'"), Q("commit"),
        Q("begin"), Q("set application_name = 'three'"), Q("rollback"), Q("reset application_name")],
    "reported_settings_in_one_query": [
        Q("set application_name = 'one'; set application_name = 'two'; select 1; set datestyle = german")],
    "reported_settings_change_and_back": [
        Q("set application_name = 'one'; reset application_name; select 1")],
    "application_name_that_is_odd": [
        Q("set application_name = 'žluť'"), Q("show application_name"), Q("set application_name = 'a''b\"c\\d'"),
        Q("show application_name"), Q(f"set application_name = '{'n' * 70}'"), Q("show application_name")],
    "values_that_are_odd": [
        step for value in ("", "''", 'a"b', "\\", "line\nline", "x'; drop table word; --", "🐘", "%s", "$1",
                           "x" * 8000)
        for step in (Q("set my.own = '" + value.replace("'", "''") + "'"), Q("show my.own"), Q("show my.own"))],
    "values_that_are_odd_by_set_config": [
        step for value in ("", "'", 'a"b', "\\", "line\nline", "x'; drop table word; --", "🐘", "{\"a\": 1}")
        for step in ([run("select set_config('my.own', $1, false)", value), S], Q("show my.own"))],
    "units_and_numbers": [
        Q("set work_mem = 3072; show work_mem"), Q("show work_mem"), Q("set work_mem = '0.003GB'"),
        Q("show work_mem"), Q("set statement_timeout = '1.5min'"), Q("show statement_timeout"),
        Q("set seq_page_cost = 1.5e0"), Q("show seq_page_cost"), Q("set enable_seqscan = 'of'"),
        Q("show enable_seqscan"), Q("set enable_seqscan to false"), Q("show enable_seqscan")],
    "names_in_any_case": [Q('set WORK_MEM = 3072'), Q("show Work_Mem"), Q('set "DateStyle" = german'),
                          Q("show datestyle"), Q('reset "Work_Mem"'), Q("show work_mem")],
    "settings_that_no_session_may_change": [
        Q("set shared_buffers = '1GB'"), Q("set log_statement = 'all'"), Q("set wal_level = minimal"),
        Q("set server_version = '1'"), Q("select 1")],
    "setting_that_a_superuser_changes": [
        start("chief"), Q("set log_min_duration_statement = 77777"), Q("show log_min_duration_statement"),
        Q("reset log_min_duration_statement"), Q("show log_min_duration_statement")],
    "from_current": [Q("set work_mem from current"), Q("alter function say(text) set work_mem from current"),
                     Q("alter function say(text) reset all")],
    "discard_all": [
        Q("set work_mem = '3MB'; set my.own = 'x'"), [P("select 1", "s"), S], Q("discard all"), Q(SHOWN),
        [B(of="s"), E(), S]],
    "discard_all_in_a_batch": [Q("set work_mem = '3MB'"), [P("select 1", "s"), S], [run("discard all"), S],
                               Q("show work_mem"), [B(of="s"), S]],
    "discard_all_in_a_pipeline": [[run("select 1"), run("discard all"), S], Q("select 2")],
    "discard_all_between_batches": [
        [run("set work_mem = '3MB'"), S, run("discard all"), S, run("show work_mem"), S]],
    "discard_all_in_a_transaction": [Q("set work_mem = '3MB'"), Q("begin"), Q("discard all"), Q("rollback"),
                                     Q("show work_mem")],
    "discard_all_with_others": [Q("select 1; discard all"), Q("discard all; select 2"), Q("select 3")],
    "discard_all_of_everything": [
        Q("create temp table gone (n int)"), Q("listen here"), Q("select pg_advisory_lock(4715)"),
        Q("declare c cursor with hold for select 1"), Q("prepare p as select 1"), Q("select nextval('ticket')"),
        Q("discard all"), Q("select 1 from gone"), Q("notify here"), Q("select pg_advisory_unlock(4715)"),
        Q("fetch c"), Q("execute p"), Q("select currval('ticket')")],
    "discard_plans": [[P("select 1", "s"), S], Q("discard plans"), [B(of="s"), E(), S],
                      [run("discard plans"), S], Q("begin; discard plans; commit")],
    "discard_temp": [Q("create temp table gone (n int)"), Q("discard temp"), Q("select 1 from gone"),
                     Q("discard temporary"), [run("discard temp"), S]],
    "discard_sequences": [Q("begin"), Q("select nextval('ticket')"), Q("select lastval()"),
                          Q("discard sequences"), Q("select lastval()"), Q("rollback"),
                          [run("discard sequences"), S]],
    "discard_nothing_known": [Q("discard everything"), Q("select 1")],
    "statement_timeout_is_ones_own": [
        Q("set statement_timeout = '30s'"), Q("select 1"), Q("show statement_timeout"),
        Q("set statement_timeout = 0"), Q("show statement_timeout")],
    "settings_change_results": [
        Q("set timezone = 'Asia/Tokyo'"), Q("select '2001-02-03 04:05:06+00'::timestamptz"),
        Q("set timezone = 'UTC'"), Q("select '2001-02-03 04:05:06+00'::timestamptz"),
        Q("set datestyle = 'german'"), [run("select '2001-02-03'::date"), S],
        Q("set extra_float_digits = -5"), Q("select 0.1::float8 / 3"), Q("set bytea_output = 'escape'"),
        Q("select '\\x00ff'::bytea"), Q("set xmloption = document"), Q("show xmloption")],
    "settings_change_plans": [
        Q("set enable_seqscan = off; set enable_bitmapscan = off"),
        Q("explain (costs off) select * from word where n = 1"), Q("reset all"),
        Q("set plan_cache_mode = force_generic_plan"), [P("select $1::int", "s"), S], [B("1", of="s"), E(), S]],
    "prepared_set": [[P("set work_mem = '3MB'", "a"), P("reset work_mem", "b"), P("show work_mem", "c"), S],
                     [B(of="a"), E(), S], [B(of="c"), E(), S], [B(of="b"), E(), S], [B(of="c"), E(), S]],
    "seed": [Q("select setseed(0.5)"), Q("begin; select setseed(0.5); select random(); commit"),
             Q("set seed = 0.5; select random()")],
    "constraints_deferred": [
        Q("begin"), Q("set constraints all immediate"), Q("insert into late values (1), (1)"), Q("rollback"),
        Q("set constraints all deferred"), Q("select 1")],
    "load": [start("chief"), Q("load 'auto_explain'"), Q("show auto_explain.log_min_duration"),
             Q("set auto_explain.log_min_duration = 5000"), Q("show auto_explain.log_min_duration")],
    "left_by_another": [
        step for left in ("set work_mem = '3MB'", "set search_path = pg_catalog", "set role clerk",
                          "select set_config('work_mem', '3MB', false)",
                          "begin; set work_mem = '3MB'; commit", "set datestyle = german; select 1/0",
                          "do $$begin set work_mem = '3MB'; end$$",
                          "set session characteristics as transaction isolation level serializable")
        for step in (beside(Q(left)), Q(LEFT))],
    "left_by_a_function_of_another": [
        step for left in ("select remember('work_mem', '3MB')",
                          "update pg_settings set setting = '3072' where name = 'work_mem'") * 3
        for step in (beside(Q(left)), Q(LEFT))],
    "left_by_another_of_ones_own": [
        step for left in ("set left.behind = 'theirs'",) * 5
        for step in (beside(Q(left)), Q("select current_setting('left.behind', true)"))],
    "left_by_another_that_is_no_setting": [
        beside(Q("prepare p as select 1")), Q("execute p"), beside(Q("create temp table word (n int)")),
        Q("select count(*) from word"), beside(Q("listen here")), Q("notify here"),
        beside(Q("declare c cursor with hold for select 1")), Q("fetch c"),
        beside(Q("select pg_advisory_lock(4716)")), Q("select pg_advisory_lock(4716)"),
        Q("select pg_advisory_unlock_all()")],
    "many_settings": [*[Q(f"set my.setting_{n} = 'value {n}'") for n in range(60)],
                      *[Q(f"show my.setting_{n}") for n in range(0, 60, 13)]],
}
