"""Parameters of the StartupMessage: what they set, and what RESET and DISCARD make of them."""

from .notation import Q, S, run, start

SHOWN = "select current_setting('work_mem'), current_setting('application_name'), current_setting('datestyle')"


def logs_in(*steps, **parameters):
    return [start(**parameters), *(steps or [Q("select 1")])]


SCRIPTS = {
    "login_without_parameters": logs_in(),
    "login_as_a_superuser": [start("chief"), Q("select 1")],
    "login_with_application_name": logs_in(Q("show application_name"), Q("set application_name = 'b'"),
                                           Q("reset application_name"), Q("show application_name"),
                                           application_name="a"),
    "login_with_parameters": logs_in(Q(SHOWN), Q(SHOWN), work_mem="3MB", datestyle="german",
                                     application_name="till"),
    "login_with_client_encoding": logs_in(Q("show client_encoding"), Q("select chr(228)"),
                                          client_encoding="LATIN1"),
    "login_with_unknown_encoding": logs_in(client_encoding="klingon"),
    "login_with_time_zone": logs_in(Q("select '2001-02-03 04:05:06+00'::timestamptz"),
                                    TimeZone="Asia/Tokyo"),
    "login_with_search_path": logs_in(Q("show search_path"), Q("set search_path = public"),
                                      Q("reset search_path"), Q("show search_path"),
                                      search_path="pg_catalog, public"),
    "login_with_extra_float_digits": logs_in(Q("select 0.1::float8 / 3"), extra_float_digits="-5"),
    "login_with_options": logs_in(Q(SHOWN), Q("set work_mem = '5MB'"), Q(SHOWN), Q("reset work_mem"), Q(SHOWN),
                                  options="-c work_mem=3MB -c datestyle=german"),
    "login_with_options_and_reset_all": logs_in(
        Q("set work_mem = '5MB'"), Q("set datestyle = 'sql'"), Q("reset all"), Q(SHOWN),
        options="-c work_mem=3MB -cdatestyle=german"),
    "login_with_options_and_discard_all": logs_in(
        Q("set work_mem = '5MB'"), Q("discard all"), Q(SHOWN), [run("discard all"), S], Q(SHOWN),
        options="--work_mem=3MB"),
    "login_with_options_and_default": logs_in(
        Q("set work_mem = default"), Q("show work_mem"), Q("begin"), Q("set work_mem = '5MB'"),
        Q("rollback"), Q("show work_mem"), options="-c work_mem=3MB"),
    "login_with_options_of_ones_own": logs_in(
        Q("show my.own"), Q("set my.own = 'b'"), Q("reset my.own"), Q("show my.own"),
        options="-c my.own=with\\ space"),
    "login_with_options_that_escape": logs_in(Q("show my.own"), options="-c my.own=a\\\\b\\ c'd\"e"),
    "login_with_options_twice": logs_in(Q("show work_mem"), options="-c work_mem=3MB -c work_mem=4MB"),
    "login_with_options_and_parameter": logs_in(Q("show work_mem"), options="-c work_mem=3MB",
                                                work_mem="4MB"),
    "login_with_options_of_a_bad_value": logs_in(options="-c work_mem=plenty"),
    "login_with_options_unknown": logs_in(options="-c nowhere=1"),
    "login_with_options_no_option": logs_in(options="nonsense"),
    "login_with_options_unfinished": logs_in(options="-c"),
    "login_with_options_without_value": logs_in(options="-c work_mem"),
    "login_with_options_empty": logs_in(options=""),
    "login_with_options_of_a_server": logs_in(options="-c shared_buffers=1GB"),
    "login_with_dashes_for_underscores": logs_in(Q("show work_mem"), options="--work-mem=3MB"),
    "login_with_parameter_unknown": logs_in(nowhere="1"),
    "login_with_parameter_bad": logs_in(work_mem="plenty"),
    "login_with_parameter_of_the_server": logs_in(shared_buffers="1GB"),
    "login_with_parameter_of_a_superuser": logs_in(log_statement="all"),
    "login_with_statement_timeout": logs_in(Q("select pg_sleep(30)"), Q("reset statement_timeout"),
                                            Q("show statement_timeout"), statement_timeout="20"),
    "login_with_role": logs_in(Q("select current_user, session_user"), Q("reset role"),
                               Q("select current_user"), options="-c role=clerk"),
    "login_read_only": logs_in(Q("delete from word"), Q("select count(*) from word"),
                               default_transaction_read_only="on"),
    "login_with_odd_values": logs_in(Q("show application_name"), Q("show my.own"),
                                     application_name="a'b\"c\\d", options="-c my.own=$1;--"),
    "login_with_long_application_name": logs_in(Q("show application_name"), application_name="n" * 100),
    "login_with_datestyle_in_any_case": logs_in(Q("show datestyle"), DATESTYLE="SQL, DMY"),
    "login_with_protocol_3_1": logs_in(Q("select 1"), version=3 << 16 | 1),
    "login_with_protocol_3_99": logs_in(Q("select 1"), version=3 << 16 | 99),
    "login_with_protocol_options": logs_in(Q("select 1"), **{"_pq_.one": "1", "_pq_.two": "2"}),
    "login_to_no_database": logs_in(database="nowhere_at_all"),
    "login_and_set_local": logs_in(Q("begin"), Q("set local work_mem = '9MB'"), Q("commit"), Q(SHOWN),
                                   work_mem="3MB"),
    "login_with_isolation": logs_in(Q("show transaction_isolation"), Q("begin"),
                                    Q("show transaction_isolation"), Q("commit"),
                                    default_transaction_isolation="serializable"),
}
