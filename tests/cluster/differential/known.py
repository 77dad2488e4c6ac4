"""Differences from PostgreSQL that are known, each with its reason.

A test of a known difference must fail (xfail, strict): who removes the cause removes the line.
"""


def known(reason, *scripts, kinds=("split", "moving", "session")):
    return {(kind, script): reason for kind in kinds for script in scripts}


TRANSACTION = ("split", "moving")

KNOWN = {
    # --- wrong answers
    **known("what a text means is decided when it is parsed, by the settings of that moment, which the"
            " key of a statement lacks", "literals_follow_the_time_zone", "literals_follow_datestyle",
            "literals_follow_standard_conforming_strings", "literals_follow_the_encoding",
            "null_follows_transform_null_equals", "names_follow_the_search_path",
            "names_are_gone_from_the_search_path"),
    **known("as above", "literals_of_another_client", kinds=["split"]),
    **known("a DEALLOCATE ALL of a query that fails later is not noticed: the connection has lost the"
            " statements of everybody", "sql_deallocates_all_and_then_fails"),
    **known("as above", "another_deallocates_all_and_fails", kinds=TRANSACTION),
    **known("0A000 never heals: a statement that its client has closed and parsed again still has the"
            " plan from before the DDL, since the server's copy is kept",
            "table_changes_and_the_client_parses_again", "table_changes_and_another_name_is_parsed",
            "own_table_change_under_a_star"),
    **known("RESET goes back to the server's value, not to that of the client's StartupMessage",
            "login_with_application_name", "login_with_search_path", "login_with_options",
            "login_with_options_and_reset_all", "login_with_options_and_discard_all",
            "login_with_options_of_ones_own"),
    **known("as above", "login_with_options_and_default", "login_with_statement_timeout",
            kinds=["session"]),
    **known("default_transaction_isolation = serializable: reads go to replicas, which refuse it",
            "login_with_isolation", kinds=["split"]),
    **known("currval and lastval see what another client did on the same connection",
            "currval_before_nextval", kinds=TRANSACTION),
    **known("currval and lastval are lost with the connection", "sequence", kinds=["moving"]),
    **known("set_config in a function neither pins nor is carried, and the next client has it",
            "set_config_in_a_function", "update_of_pg_settings", kinds=["moving"]),
    **known("set_config in a function neither pins nor is carried, and the next client has it",
            "left_by_a_function_of_another", kinds=["split"]),
    **known("SQL's EXECUTE, PREPARE and DEALLOCATE do not know the names of the protocol, nor the"
            " protocol theirs", "sql_executes_what_the_protocol_made",
            "sql_prepares_a_name_of_the_protocol", "protocol_parses_a_name_of_sql",
            "sql_deallocates_among_statements"),
    # --- the server's names of statements, and its own words
    **known("42P05 tells the server's name of the statement, not the client's",
            "error_at_parse_in_a_name_that_exists", "named_twice_in_one_session",
            "named_twice_with_another_text", "named_twice_in_one_batch", "name_of_63_bytes",
            "name_of_64_bytes", "name_of_1000_bytes", "name_with_quotes", "name_with_white_space",
            "name_with_a_percent", "name_in_utf8", "name_in_capitals", "parse_of_a_megabyte_named"),
    **known("08P01 of a wrong number of parameters tells the server's name of the statement",
            "error_at_bind_too_few_of_a_named_one", "error_at_bind_none_for_one",
            "more_types_than_parameters", "bind_without_values", "bind_with_a_negative_length",
            "parameters_one_too_few_of_65535"),
    **known("26000 of the unnamed statement tells a name of ours",
            "query_ends_the_unnamed_statement", "bind_of_nothing", "close_of_the_unnamed_statement",
            "error_at_describe_unnamed_statement", "in_a_failed_transaction",
            "unnamed_after_a_parse_that_failed", "unnamed_is_ended_by_a_query_that_fails"),
    **known("pg_prepared_statements shows the server's names", "sql_statements_are_listed"),
    **known("no client may use names that begin with pgweir_", "name_of_ours"),
    # --- what PostgreSQL refuses and pgweir does not, or otherwise
    **known("names of statements are not cut to 63 bytes", "name_of_64_bytes_differs_in_the_last",
            "deallocate_of_64_bytes"),
    **known("names of statements are not checked to be valid text", "parse_name_with_bad_utf8"),
    **known("in a failed transaction a Parse of SAVEPOINT or BEGIN that the server knows is answered"
            " here, with success", "known_control_in_a_failed_transaction"),
    **known("behind a ROLLBACK in the same batch a Parse of what the server knows fails with 42P05",
            "known_statement_parsed_behind_the_rollback"),
    **known("in a failed transaction a statement that the connection does not know is refused at its"
            " Parse of ours: the same error from another place in PostgreSQL",
            "known_statement_in_a_failed_transaction", kinds=TRANSACTION),
    **known("a malformed message ends the session: FATAL instead of ERROR",
            "text_with_a_nul_inside", "text_without_its_nul", "text_that_is_nothing",
            "parse_without_its_nul", "parse_without_types", "parse_with_more_types_than_told",
            "parse_with_bytes_behind", "bind_that_is_nothing", "describe_of_no_kind",
            "describe_that_is_nothing", "close_of_no_kind", "close_that_is_nothing",
            "execute_without_limit", "execute_with_bytes_behind"),
    **known("a Sync or Flush with a body is taken without a word", "length_of_sync_too_large",
            "sync_with_a_body", "flush_with_a_body"),
    **known("a wrong length is told to the client before the end; PostgreSQL only logs it",
            "length_too_small", "length_negative", "name_of_20000_bytes"),
    **known("a password after the login is refused with other words", "password_after_login"),
    **known("a message that breaks COPY ends the session with words of our own",
            "copy_in_with_a_query_inside", "copy_in_with_a_parse_inside",
            "copy_in_with_an_unknown_message_inside", "function_call_during_copy"),
    **known("Terminate during COPY ends the session without a word", "copy_in_with_terminate_inside"),
    **known("startup options that cannot be read are refused with other words",
            "login_with_options_no_option", "login_with_options_unfinished",
            "login_with_options_without_value"),
    **known("a role among the startup options is refused", "login_with_role"),
    **known("no NOTICE of a truncated application_name at login", "login_with_long_application_name"),
    # --- better than PostgreSQL
    **known("the plan is made anew on another connection, with the new type",
            "table_changes_under_the_unnamed_statement", "parameter_type_changes_under_a_name",
            kinds=["moving"]),
    **known("the plan is made anew on another connection, with the new type",
            "table_changes_under_a_star_in_a_transaction", kinds=["split"]),
}
