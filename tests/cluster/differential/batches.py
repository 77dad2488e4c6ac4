"""Batches of the extended protocol: pipelines with several Syncs, Flush, implicit transactions."""

from .notation import B, CP, CS, DP, DS, E, H, INT, P, Q, S, X, run, until

SCRIPTS = {
    "one_batch": [[run("select $1::int + 1", "41"), S]],
    "ten_batches_at_once": [[[run("select $1::text", f"tag {n}"), S] for n in range(10)]],
    "hundred_batches_at_once": [[[run("select $1::text", f"tag {n}"), S] for n in range(100)]],
    "fifty_statements_before_one_sync": [[[run("select $1::int", str(n)) for n in range(50)], S]],
    "syncs_alone": [[S, S, S]],
    "sync_after_sync": [[run("select 1"), S, S, S, run("select 2"), S]],
    "batches_and_queries_in_turn": [
        [run("select 1"), S, Q("select 2"), run("select 3"), S, Q(""), Q("select 4")]],
    "query_inside_an_open_batch": [[run("select 1"), Q("select 2"), run("select 3"), S]],
    "query_after_a_lone_parse": [[P("select 1", "kept"), Q("select 2"), B(of="kept"), E(), S]],
    "query_ends_the_unnamed_statement": [[P("select 1"), S], Q("select 2"), [B(), E(), S]],
    "query_ends_the_unnamed_portal": [Q("begin"), [P("select 1"), B(), S], Q("select 2"),
                                      [E(), S], Q("rollback")],
    "empty_statement": [[run(""), S]],
    "empty_statement_of_white_space": [[run(" ; "), S]],
    "statement_of_a_comment": [[run("-- nothing"), S]],
    "empty_statement_described": [[P("", "void"), DS("void"), S], [CS("void"), S]],
    "two_statements_in_a_parse": [[run("select 1; select 2"), S], Q("select 3")],
    "insert_and_read_in_one_batch": [
        [run("insert into word values (7, 'seven')"), run("select count(*) from word"), S],
        [run("select count(*) from word"), S]],
    "batch_is_one_transaction": [
        [run("insert into word values (7, 'seven')"), run("select 1/0"), S],
        Q("select count(*) from word")],
    "each_sync_commits": [
        [run("insert into word values (7, 'seven')"), S, run("select 1/0"), S,
         run("select count(*) from word"), S]],
    "begin_and_commit_in_a_batch": [
        [run("begin"), run("insert into word values (7, 'seven')"), run("commit"), S],
        Q("select count(*) from word")],
    "begin_in_a_batch_stays_open": [
        [run("begin"), run("select 1"), S], [run("select 2"), S], [run("commit"), S]],
    "transaction_over_many_batches_at_once": [
        [run("begin"), S, run("insert into word values (7, 'seven')"), S,
         run("select count(*) from word"), S, run("rollback"), S,
         run("select count(*) from word"), S]],
    "transaction_at_once_with_an_error": [
        [run("begin"), S, run("select 1/0"), S, run("select 2"), S, run("commit"), S,
         run("select 3"), S]],
    "commit_in_the_middle_of_a_batch": [
        [run("insert into word values (7, 'seven')"), run("commit"),
         run("insert into word values (8, 'eight')"), run("select 1/0"), S],
        Q("select n from word order by n")],
    "rollback_in_the_middle_of_a_batch": [
        [run("insert into word values (7, 'seven')"), run("rollback"),
         run("insert into word values (8, 'eight')"), S],
        Q("select n from word order by n")],
    "implicit_block_with_savepoint": [
        [run("select 1"), run("savepoint a"), S], Q("select 2")],
    "implicit_block_with_begin": [[run("select 1"), run("begin"), run("select 2"), S], Q("rollback")],
    "vacuum_in_a_pipeline": [[run("select 1"), run("vacuum word"), S], Q("select 2")],
    "vacuum_first_in_a_pipeline": [[run("vacuum word"), run("select 1"), S]],
    "create_database_in_a_pipeline": [[run("select 1"), run("create database never"), S]],
    "deferred_constraint_fails_at_sync": [
        [run("insert into late values (1)"), run("insert into late values (1)"), S],
        Q("select count(*) from late")],
    "deferred_constraint_fails_at_commit": [
        Q("begin"), Q("insert into late values (1), (1)"), [run("commit"), S], Q("select 1")],
    "flush_after_parse": [until("1", P("select 1"), H), [B(), E(), S]],
    "flush_after_each_message": [
        until("1", P("select $1::int"), H), until("2", B("5"), H), until("T", DP(), H),
        until("C", E(), H), S],
    "flush_after_describe": [
        until("T", P("select $1::int, text from word", "one"), DS("one"), H),
        until("C", B("1", of="one"), E(), H), S, [B("2", of="one"), E(), S]],
    "flush_alone": [until("", H), Q("select 1")],
    "flush_then_sync": [[H, S]],
    "flush_between_batches": [[run("select 1"), H, S, H, run("select 2"), H, S]],
    "flush_after_an_error": [until("E", run("select 1/0"), H), until("", run("select 2"), H), S],
    "flush_after_a_parse_that_fails": [until("E", P("selec"), H), [P("select 1"), B(), E(), H, S],
                                       Q("select 2")],
    "flush_after_a_write": [
        until("C", run("insert into word values (7, 'seven')"), H),
        until("C", run("select count(*) from word"), H), S],
    "flush_and_error_undo_the_write": [
        until("C", run("insert into word values (7, 'seven')"), H),
        until("E", run("select 1/0"), H), S, Q("select count(*) from word")],
    "asyncpg_prepares_then_binds": [
        until("T", P("select n from word where n = $1", "stmt_1"), DS("stmt_1"), H),
        [B("1", of="stmt_1"), E(), S], [B("2", of="stmt_1"), E(), S], [CS("stmt_1"), S]],
    "prepare_only": [[P("select $1::int", "one"), DS("one"), S]],
    "prepare_two_and_use_both": [
        [P("select 1", "one"), P("select 2", "two"), S],
        [B(of="two"), E(), B(of="one"), E(), S]],
    "close_and_prepare_again_in_one_batch": [
        [P("select 1", "one"), B(of="one"), E(), CS("one"), P("select 2", "one"), B(of="one"), E(), S],
        [B(of="one"), E(), S]],
    "close_then_use_in_one_batch": [[P("select 1", "one"), CS("one"), B(of="one"), E(), S]],
    "execute_again_after_completion": [[P("select 1"), B(), E(), E(), S]],
    "execute_again_after_insert": [
        [P("insert into word values (7, 'seven')"), B(), E(), E(), S], Q("select count(*) from word")],
    "execute_of_nothing": [[E(), S]],
    "bind_of_nothing": [[B(), S]],
    "bind_twice_execute_once": [[P("select $1::int"), B("1"), B("2"), E(), S]],
    "describe_before_and_after_bind": [[P("select $1::int as n"), DS(), B("1"), DP(), E(), DP(), S]],
    "notices_in_a_pipeline": [[run("select say('one')"), S, run("select say('two')"), S]],
    "settings_reported_in_a_pipeline": [
        [run("set application_name = 'one'"), run("set datestyle = 'german'"), S,
         run("reset datestyle"), S, run("select '2001-02-03'::date"), S, run("reset all"), S]],
    "terminate_behind_a_batch": [[run("select 1"), S, X]],
    "terminate_behind_queries": [[Q("select 1"), Q("select 2"), X]],
    "terminate_in_an_open_batch": [until("", run("insert into word values (7, 'seven')"), X)],
    "terminate_in_a_transaction": [Q("begin; insert into word values (7, 'seven')"), X],
    "big_pipeline_without_reading": [[[run("select repeat($1, 20000)", "x"), S] for _ in range(100)]],
    "types_known_and_unknown": [
        [P("select $1, $2", "given", [INT, 0]), DS("given"), S],
        [B("1", "x", of="given"), E(), S]],
    "close_of_the_unnamed_statement": [[P("select 1"), CS(), B(), E(), S], Q("select 2")],
    "close_of_the_unnamed_portal": [[P("select 1"), B(), CP(), E(), S], Q("select 2")],
}
