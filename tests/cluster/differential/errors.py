"""An error at each message of a batch: what follows is skipped up to the Sync, nothing else."""

from .notation import (B, CP, CS, DP, DS, E, F, H, INT, P, Q, S, int4, m, raw, run, until)

REST = [P("select 'skipped'"), B(), DP(), E(), CS("x"), CP("y"), H, S, run("select 'after'"), S]


def broken(letter, body):
    """A message whose inside is wrong, in a batch, and what the session does next."""
    return [[P("select 1", "good"), S], [raw(letter, body), run("select 2"), S], Q("select 3")]


SCRIPTS = {
    "error_at_parse": [[P("selec"), REST]],
    "error_at_parse_of_unknown_table": [[P("select * from nowhere", "named"), REST]],
    "error_at_parse_in_a_name_that_exists": [[P("select 1", "twice"), P("select 2", "twice"), REST]],
    "error_at_parse_type_unknown": [[P("select $1", types=[999999]), REST]],
    "error_at_parse_type_undetermined": [[P("select $2::int"), REST]],
    "error_at_bind_unknown_statement": [[B(of="nowhere"), REST]],
    "error_at_bind_value": [[P("select $1::int"), B("no number"), REST]],
    "error_at_bind_too_few": [[P("select $1::int + $2::int"), B("1"), REST]],
    "error_at_bind_too_many": [[P("select $1::int"), B("1", "2"), REST]],
    "error_at_bind_too_few_of_a_named_one": [[P("select $1::int + $2::int", "sum"), B("1", of="sum"),
                                              REST]],
    "error_at_bind_none_for_one": [[P("select $1::int", "one"), S], [B(of="one"), E(), S],
                                   [B("1", of="one"), E(), S]],
    "error_at_bind_portal_exists": [
        [P("select 1"), B(portal="twice"), B(portal="twice"), REST]],
    "error_at_bind_formats": [[P("select $1::int, $2::int"), B("1", "2", formats=(0, 0, 0)), REST]],
    "error_at_bind_result_formats": [[P("select 1, 2"), B(results=(0, 0, 0)), REST]],
    "error_at_bind_format_code": [[P("select $1::int"), B("1", formats=(7,)), REST]],
    "error_at_bind_binary_value": [[P("select $1::int"), B(b"\0\1", formats=(1,)), REST]],
    "error_at_describe_statement": [[DS("nowhere"), REST]],
    "error_at_describe_portal": [[DP("nowhere"), REST]],
    "error_at_describe_unnamed_statement": [[DS(), REST]],
    "error_at_describe_unnamed_portal": [[DP(), REST]],
    "error_at_describe_of_another_kind": [[P("select 1", "s"), B(of="s", portal="p"), DP("s"), REST]],
    "error_at_execute_unknown_portal": [[E(portal="nowhere"), REST]],
    "error_at_execute_runtime": [[P("select 1/0"), B(), DP(), E(), REST]],
    "error_at_execute_after_rows": [
        [P("select 10 / (5 - n) from generate_series(1, 9) n"), B(), DP(), E(), REST]],
    "error_at_execute_with_limit": [
        [P("select 10 / (5 - n) from generate_series(1, 9) n"), B(), E(2), E(2), E(2), REST]],
    "error_at_sync": [[run("insert into late values (1), (1)"), S, run("select 'after'"), S]],
    "close_of_nothing_is_no_error": [[CS("nowhere"), CP("nowhere"), CS(), CP(), run("select 1"), S]],
    "query_is_skipped_too": [until("Z", P("selec"), Q("select 'skipped'"), S), Q("select 1")],
    "function_call_is_skipped_too": [
        until("Z", P("selec"), F(1598, formats=()), S), Q("select 1")],
    "errors_in_every_batch_of_a_pipeline": [
        [[run(f"select {n} / 0"), S] for n in range(10)], [run("select 1"), S]],
    "errors_in_every_other_batch": [[[run(f"select {n} / ({n} % 2)"), S] for n in range(20)]],
    "parse_errors_in_every_other_batch": [
        [[P("select 1" if n % 2 else "selec", f"s{n}"), B(of=f"s{n}"), E(), S] for n in range(20)]],
    "statement_of_a_failed_batch_remains": [
        [P("select 1", "kept"), run("select 1/0"), S], [B(of="kept"), E(), S]],
    "statement_after_an_error_was_never_made": [
        [run("select 1/0"), P("select 1", "never"), S], [B(of="never"), E(), S]],
    "close_after_an_error_did_nothing": [
        [P("select 1", "kept"), S], [run("select 1/0"), CS("kept"), S], [B(of="kept"), E(), S]],
    "same_text_after_its_parse_failed": [
        [P("select * from made", "s"), S], Q("create table made ()"), [P("select * from made", "s"), S],
        Q("drop table made")],
    "name_is_free_after_its_parse_failed": [[P("selec", "s"), S], [P("select 1", "s"), B(of="s"), E(), S]],
    "in_a_failed_transaction": [
        Q("begin"), Q("select 1/0"), [P("select 1"), S], [P("select 1", "named"), S], [B(), S],
        [B(of="named"), S], [DS("named"), S], [E(), S], [CS("named"), S], [P("rollback"), B(), E(), S],
        Q("select 2")],
    "known_statement_in_a_failed_transaction": [
        [P("select 'known'", "one"), B(of="one"), E(), S], Q("begin"), [run("select 1/0"), S],
        [B(of="one"), E(), S], [DS("one"), S], [P("select 'known'", "two"), S], [P("select 'known'", "one"), S],
        Q("rollback"), [B(of="one"), E(), S], [B(of="two"), E(), S]],
    "known_statement_closed_and_parsed_in_a_failed_transaction": [
        [P("select 'known, closed'", "one"), B(of="one"), E(), S], Q("begin"), [run("select 1/0"), S],
        [CS("one"), P("select 'known, closed'", "one"), S], [B(of="one"), E(), S], Q("rollback"),
        [B(of="one"), E(), S]],
    "known_control_in_a_failed_transaction": [
        Q("begin"), [P("savepoint a", "one"), P("begin", "two"), P("rollback to a", "three"), S],
        Q("select 1/0"), [P("savepoint a", "four"), S], [P("begin", "five"), S],
        [P("rollback to a", "six"), S], [B(of="one"), E(), S], Q("rollback")],
    "known_statement_parsed_behind_the_rollback": [
        Q("begin"), [P("select 'behind'", "one"), B(of="one"), E(), S], Q("select 1/0"),
        [run("rollback"), P("select 'behind'", "two"), B(of="two"), E(), S], [B(of="two"), E(), S]],
    "prepared_rollback_in_a_failed_transaction": [
        [P("rollback", "undo"), S], Q("begin"), Q("select 1/0"), [B(of="undo"), E(), S], Q("select 1")],
    "empty_statement_in_a_failed_transaction": [
        Q("begin"), Q("select 1/0"), Q(""), [run(""), S], Q("rollback")],
    "syntax_error_in_a_failed_transaction": [
        Q("begin"), Q("select 1/0"), Q("selec"), [run("selec"), S], Q("rollback")],
    "parse_without_its_nul": broken("P", b"name"),
    "parse_without_types": broken("P", m.texts("", "select 1")),
    "parse_with_more_types_than_told": broken("P", m.texts("", "select 1") + b"\0\5\0\0\0\x17"),
    "parse_with_bytes_behind": broken("P", m.texts("", "select 1") + b"\0\0more"),
    "parse_with_bad_utf8": [[P(b"select '\xff'"), REST]],
    "parse_name_with_bad_utf8": [[P("select 1", b"\xff"), REST]],
    "bind_that_is_nothing": broken("B", b""),
    "bind_without_values": broken("B", m.texts("", "good") + b"\0\0\0\2"),
    "bind_with_a_negative_length": broken("B", m.texts("", "good") + b"\0\0\0\1\xff\xff\xff\xfe\0\0"),
    "bind_with_bytes_behind": broken("B", m.texts("", "good") + b"\0\0\0\0\0\0more"),
    "bind_with_bad_utf8": [[P("select $1::text"), B(b"\xff"), REST]],
    "bind_with_nul_in_a_text": [[P("select $1::text"), B(b"a\0b"), REST]],
    "describe_of_no_kind": broken("D", b"Q" + m.texts("good")),
    "describe_that_is_nothing": broken("D", b""),
    "close_of_no_kind": broken("C", b"Q" + m.texts("good")),
    "close_that_is_nothing": broken("C", b""),
    "execute_without_limit": broken("E", m.texts("")),
    "execute_with_bytes_behind": [
        [P("select 1"), B(), raw("E", m.texts("") + int4(0) + b"more"), run("select 2"), S], Q("select 3")],
    "execute_with_a_negative_limit": [[P("select 1"), B(), E(-5), S]],
    "sync_with_a_body": [[P("select 1"), B(), E(), raw("S", b"x")], Q("select 3")],
    "flush_with_a_body": broken("H", b"x"),
    "error_in_a_parse_with_types": [[P("select $1 + $2", types=[INT]), DS(), REST]],
    "statement_timeout": [Q("set statement_timeout = 20"), Q("select pg_sleep(30)"),
                          [run("select pg_sleep(30)"), S], Q("reset statement_timeout")],
}
