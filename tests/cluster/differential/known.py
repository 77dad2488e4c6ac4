"""Differences from PostgreSQL that are known, each with its reason.

A test of a known difference must fail (xfail, strict): who removes the cause removes the line.
"""


def known(reason, *scripts, kinds=("split", "moving", "session")):
    return {(kind, script): reason for kind in kinds for script in scripts}


TRANSACTION = ("split", "moving")

KNOWN = {
    # --- seen in transaction mode only
    **known("was DEALLOCATE ALL before the error or behind it? the client's names are kept",
            "sql_deallocates_all_and_then_fails", kinds=TRANSACTION),
    **known("0A000 is told once to each client, then it heals; PostgreSQL says it again and again",
            "table_changes_under_a_star", kinds=TRANSACTION),
    **known("as above: a statement that met an error is parsed anew, and fails there",
            "table_dropped_under_a_statement", kinds=TRANSACTION),
    **known("the same error from another place in PostgreSQL: the Parse of ours",
            "table_changes_under_a_star_in_a_transaction", kinds=["moving"]),
    **known("another connection does not know the statement, which is parsed there as it is now",
            "table_changes_and_another_name_is_parsed", kinds=["split"]),
    **known("as above", "own_table_change_under_a_star", kinds=["split"]),
    **known("the ParameterStatus of a value that RESET goes back to comes behind ReadyForQuery",
            "login_with_application_name", "login_with_options_and_reset_all"),
    **known("currval and lastval are lost with the connection: 55000", "sequence", kinds=["moving"]),
    **known("no client may use names that begin with pgweir_", "name_of_ours", kinds=TRANSACTION),
    **known("no NOTICE that a long name was cut", "deallocate_of_64_bytes", kinds=TRANSACTION),
    # --- what PostgreSQL refuses and pgweir does not, or otherwise
    **known("names of statements are not checked to be valid text",
            "parse_name_with_bad_utf8", kinds=TRANSACTION),
    **known("in a failed transaction a statement that the connection does not know is refused"
            " at its Parse of ours: the same error from another place in PostgreSQL",
            "known_statement_in_a_failed_transaction", kinds=TRANSACTION),
    **known("a malformed message ends the session: FATAL instead of ERROR",
            "text_with_a_nul_inside", "text_without_its_nul", "text_that_is_nothing",
            "parse_without_its_nul", "parse_without_types", "parse_with_more_types_than_told",
            "parse_with_bytes_behind", "bind_that_is_nothing", "describe_of_no_kind",
            "describe_that_is_nothing", "close_of_no_kind", "close_that_is_nothing",
            "execute_without_limit", "execute_with_bytes_behind"),
    **known("a Sync or Flush with a body is taken without a word",
            "length_of_sync_too_large", "sync_with_a_body", "flush_with_a_body"),
    **known("a wrong length is told to the client before the end; PostgreSQL only logs it",
            "length_too_small", "length_negative", "name_of_20000_bytes"),
    **known("a password after the login is refused with other words",
            "password_after_login"),
    **known("a message that breaks COPY ends the session with words of our own",
            "copy_in_with_a_query_inside", "copy_in_with_a_parse_inside",
            "copy_in_with_an_unknown_message_inside", "function_call_during_copy"),
    **known("Terminate during COPY ends the session without a word",
            "copy_in_with_terminate_inside"),
    **known("startup options that cannot be read are refused with other words",
            "login_with_options_no_option", "login_with_options_unfinished",
            "login_with_options_without_value"),
    **known("no NOTICE of a truncated application_name at login",
            "login_with_long_application_name"),
    # --- better than PostgreSQL
    **known("the plan is made anew on another connection, with the new type",
            "table_changes_under_the_unnamed_statement", "parameter_type_changes_under_a_name",
            kinds=["moving"]),
    **known("as above",
            "table_changes_under_a_star_in_a_transaction", kinds=["split"]),
}

# Differs or not, by which connections the scripts before have left idle: not strict.
SOMETIMES = known("another connection may not know the statement, which is parsed there as it is now",
                  "table_changes_and_another_name_is_parsed", kinds=["moving"])
