"""COPY: in and out, simple and extended, failing early and late, among other statements."""

from .notation import B, CS, DP, DS, E, F, H, P, Q, S, X, c, d, f, raw, run, until

IN, OUT = "copy word from stdin", "copy word to stdout"
COUNT = Q("select count(*) from word")

SCRIPTS = {
    "copy_in": [until("G", Q(IN)), until("Z", d("7\tseven\n"), d("8\teight\n"), c), COUNT],
    "copy_in_at_once": [until("GZ", Q(IN), d("7\tseven\n8\teight\n"), c), COUNT],
    "copy_in_of_nothing": [until("GZ", Q(IN), c), COUNT],
    "copy_in_with_rows_cut": [until("G", Q(IN)), until("Z", d("7\tse"), d("ven\n8"), d("\teight\n"), c), COUNT],
    "copy_in_with_empty_data": [until("G", Q(IN)), until("Z", d(""), d("7\tx\n"), d(""), c), COUNT],
    "copy_in_with_its_end_marked": [until("G", Q(IN)), until("Z", d("7\tx\n\\.\n"), d("8\ty\n"), c), COUNT],
    "copy_in_fails_by_the_client": [until("G", Q(IN)), until("Z", d("7\tseven\n"), f("changed my mind")), COUNT],
    "copy_in_fails_with_a_long_reason": [until("G", Q(IN)), until("Z", f("x" * 5000)), COUNT],
    "copy_in_of_a_bad_row": [until("G", Q(IN)), until("Z", d("no number\tx\n"), c), COUNT],
    "copy_in_of_a_bad_row_then_more": [
        until("G", Q(IN)), until("Z", d("no number\tx\n"), *[d("9\ty\n")] * 50, c), COUNT],
    "copy_in_data_after_the_error": [
        until("G", Q(IN)), until("Z", d("no number\tx\n")), [d("8\ty\n"), c, COUNT]],
    "copy_in_fail_after_the_error": [until("G", Q(IN)), until("Z", d("x\ty\n")), [f("late"), COUNT]],
    "copy_in_too_few_columns": [until("G", Q(IN)), until("Z", d("7\n"), c), COUNT],
    "copy_in_unique_violation": [until("G", Q(IN)), until("Z", d("1\tagain\n"), c), COUNT],
    "copy_in_error_at_the_statement": [Q("copy nowhere from stdin"), [d("1\tx\n"), c, COUNT]],
    "copy_in_error_at_the_statement_at_once": [
        until("Z", Q("copy nowhere from stdin"), d("1\tx\n"), c), COUNT],
    "copy_in_csv": [until("G", Q("copy word from stdin (format csv, header)")),
                    until("Z", d("n,text\n7,\"a \"\"b\"\", c\"\n"), c), Q("select text from word where n = 7")],
    "copy_in_binary": [
        until("G", Q("copy word from stdin (format binary)")),
        until("Z", d(b"PGCOPY\n\xff\r\n\0" + bytes(8)), d(b"\0\2\0\0\0\4\0\0\0\7\0\0\0\1x\xff\xff"), c), COUNT],
    "copy_in_binary_that_is_not": [until("G", Q("copy word from stdin binary")), until("Z", d("text\n"), c), COUNT],
    "copy_in_bad_utf8": [until("G", Q(IN)), until("Z", d(b"7\t\xff\n"), c), COUNT],
    "copy_in_with_where": [until("G", Q("copy word from stdin where n > 7")),
                           until("Z", d("7\tx\n8\ty\n"), c), COUNT],
    "copy_in_with_notices": [
        Q("begin; create function heard() returns trigger language plpgsql as"
          " $$begin raise notice 'row %', new.n; return new; end$$;"
          " create trigger heard before insert on word for each row execute function heard()"),
        until("G", Q(IN)), until("Z", d("7\tx\n8\ty\n"), c), Q("rollback")],
    "copy_in_with_sync_and_flush": [until("G", Q(IN)), until("Z", d("7\tx\n"), S, H, d("8\ty\n"), H, S, c), COUNT],
    "copy_in_with_a_query_inside": [until("G", Q(IN)), until("Z", d("7\tx\n"), Q("select 1"))],
    "copy_in_with_a_parse_inside": [until("G", Q(IN)), until("Z", d("7\tx\n"), P("select 1"))],
    "copy_in_with_terminate_inside": [until("G", Q(IN)), until("", d("7\tx\n"), X)],
    "copy_in_with_an_unknown_message_inside": [until("G", Q(IN)), until("Z", raw("y", b""))],
    "copy_in_among_statements": [
        until("G", Q(f"select 1; {IN}; select 2")), until("Z", d("7\tx\n"), c), COUNT],
    "copy_in_fails_among_statements": [
        until("G", Q(f"select 1; {IN}; select 2")), until("Z", f("no")), COUNT],
    "copy_in_twice_in_one_query": [
        until("G", Q(f"{IN}; {IN}")), until("G", d("7\tx\n"), c), until("Z", d("8\ty\n"), c), COUNT],
    "copy_in_and_out_in_one_query": [until("G", Q(f"{IN}; {OUT}")), until("Z", d("7\tx\n"), c)],
    "copy_in_a_transaction": [
        Q("begin"), until("G", Q(IN)), until("Z", d("7\tx\n"), c), COUNT, Q("rollback"), COUNT],
    "copy_in_fails_in_a_transaction": [
        Q("begin"), until("G", Q(IN)), until("Z", f("no")), COUNT, Q("rollback"), COUNT],
    "copy_in_a_failed_transaction": [Q("begin"), Q("select 1/0"), Q(IN), Q("rollback")],
    "copy_in_a_read_only_transaction": [Q("begin read only"), Q(IN), Q("rollback"),
                                        Q("begin read only"), Q(OUT), Q("commit")],
    "copy_in_by_a_batch": [
        until("G", P(IN), B(), DP(), E(), H), until("Z", d("7\tx\n"), c, S), COUNT],
    "copy_in_by_a_batch_with_an_early_sync": [
        until("G", P(IN), B(), DP(), E(), S), until("Z", d("7\tx\n"), c, S), COUNT],
    "copy_in_by_a_batch_at_once": [until("Z", P(IN), B(), E(), d("7\tx\n"), c, S), COUNT],
    "copy_in_by_a_batch_at_once_with_two_syncs": [until("Z", P(IN), B(), E(), S, d("7\tx\n"), c, S), COUNT],
    "copy_in_by_a_batch_that_fails": [
        until("G", P(IN), B(), E(), H), until("Z", d("7\tx\n"), f("no"), run("select 1"), S), COUNT],
    "copy_in_by_a_batch_of_a_bad_row": [
        until("G", P(IN), B(), E(), H), until("Z", d("bad\tx\n"), c, run("select 1"), S), COUNT],
    "copy_in_by_a_batch_of_a_bad_row_with_late_data": [
        until("G", P(IN), B(), E(), H), until("E", d("bad\tx\n")), until("Z", d("8\tx\n"), c, S), COUNT],
    "copy_in_by_a_batch_error_at_parse": [until("Z", P("copy nowhere from stdin"), B(), E(), d("x\n"), c, S),
                                          COUNT],
    "copy_in_by_a_batch_and_more_behind": [
        until("G", run("select 'before'"), P(IN), B(), E(), H),
        until("Z", d("7\tx\n"), c, run("select 'behind'"), S), COUNT],
    "copy_in_by_a_name_twice": [
        [P(IN, "in"), DS("in"), S], until("G", B(of="in"), E(), H), until("Z", d("7\tx\n"), c, S),
        until("G", B(of="in"), E(), H), until("Z", d("8\tx\n"), c, S), [CS("in"), S], COUNT],
    "copy_in_in_a_pipeline": [
        until("G", run("select 1"), S, P(IN), B(), E(), H), until("ZZ", d("7\tx\n"), c, S, run("select 2"), S)],
    "copy_out": [Q(OUT)],
    "copy_out_of_a_query": [Q("copy (select n, text from word where n < 3 order by n) to stdout")],
    "copy_out_csv": [Q("copy (values (1, 'a,b'), (2, 'c\"d'), (3, null)) to stdout (format csv, header)")],
    "copy_out_binary": [Q("copy (select 1::int, 'x'::text) to stdout (format binary)")],
    "copy_out_of_nothing": [Q("copy (select 1 where false) to stdout")],
    "copy_out_that_fails": [Q("copy (select 10 / (3 - n) from generate_series(1, 5) n) to stdout"), COUNT],
    "copy_out_of_unknown": [Q("copy nowhere to stdout"), Q("copy word (nowhere) to stdout")],
    "copy_out_among_statements": [Q(f"select 1; {OUT}; select 2; copy (select 3) to stdout")],
    "copy_out_by_a_batch": [[run(OUT), S], [run(OUT), run("select 1"), S]],
    "copy_out_by_a_batch_with_limit": [[P(OUT), B(), E(1), E(1), S]],
    "copy_out_by_a_batch_with_flush": [until("C", run(OUT), H), [run("select 1"), S]],
    "copy_out_by_a_batch_that_fails": [
        [run("copy (select 10 / (3 - n) from generate_series(1, 5) n) to stdout"), run("select 1"), S], COUNT],
    "copy_out_of_many_rows": [Q("copy (select n, repeat('x', 50) from generate_series(1, 20000) n) to stdout")],
    "copy_out_of_a_write": [Q("copy (insert into word values (7, 'x') returning n) to stdout"), COUNT],
    "copy_with_a_program": [Q("copy word from program 'true'"), Q("copy word to '/nowhere/at/all'"), COUNT],
    "copy_in_of_many_rows": [
        until("GZ", Q(IN), *[d("".join(f"{n}\t{'x' * 90}\n" for n in range(at, at + 100)))
                             for at in range(1000, 21000, 100)], c), COUNT],
    "copy_in_of_many_rows_with_an_early_error": [
        until("GZ", Q(IN), d("bad\n"), *[d("".join(f"{n}\t{'x' * 90}\n" for n in range(at, at + 100)))
                                         for at in range(1000, 21000, 100)], c), COUNT],
    "copy_freeze_and_temporary": [
        Q("begin"), Q("create temp table mine (n int) on commit drop"), until("G", Q("copy mine from stdin")),
        until("Z", d("1\n2\n"), c), Q("select sum(n) as sum from mine"), Q("commit")],
    "function_call_during_copy": [until("G", Q(IN)), until("Z", F(1598, formats=()))],
}
