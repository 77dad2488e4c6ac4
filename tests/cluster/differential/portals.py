"""Portals: limits and suspension, names, transactions, cursors of SQL."""

from .notation import B, CP, CS, DP, DS, E, H, P, Q, S, run, until

NUMBERS = "select generate_series(1, 7) as n"

SCRIPTS = {
    "suspended_and_resumed": [[P(NUMBERS), B(), DP(), E(3), E(3), E(3), S]],
    "suspended_at_the_exact_end": [[P(NUMBERS), B(), E(7), E(7), S]],
    "suspended_over_batches_in_a_transaction": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(3, "p"), S], [E(3, "p"), S], [E(3, "p"), S],
        [E(3, "p"), S], Q("commit")],
    "unnamed_portal_over_batches_in_a_transaction": [
        Q("begin"), [P(NUMBERS), B(), E(3), S], [E(3), S], [E(), S], Q("commit")],
    "suspended_then_sync_ends_it": [[P(NUMBERS), B(portal="p"), E(3, "p"), S], [E(3, "p"), S]],
    "unnamed_portal_ends_at_sync": [[P(NUMBERS), B(), E(3), S], [E(3), S]],
    "two_portals_in_turn": [
        Q("begin"),
        [P(NUMBERS, "s"), B(of="s", portal="a"), B(of="s", portal="b"), E(2, "a"), E(3, "b"), E(2, "a"),
         E(0, "b"), E(0, "a"), S], Q("commit")],
    "portal_closed": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(2, "p"), CP("p"), E(2, "p"), S], Q("rollback")],
    "portal_after_commit": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(2, "p"), S], Q("commit"), [E(2, "p"), S]],
    "portal_after_rollback_to_savepoint": [
        Q("begin"), Q("savepoint a"), [P(NUMBERS), B(portal="p"), E(2, "p"), S],
        Q("rollback to a"), [E(2, "p"), S], Q("rollback")],
    "portal_made_before_a_savepoint": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(2, "p"), S], Q("savepoint a"), [E(2, "p"), S],
        Q("rollback to a"), [E(2, "p"), S], Q("commit")],
    "portal_in_a_failed_transaction": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(2, "p"), S], Q("select 1/0"), [E(2, "p"), S],
        [CP("p"), S], Q("rollback")],
    "portal_outlives_its_statement": [
        Q("begin"), [P(NUMBERS, "s"), B(of="s", portal="p"), CS("s"), E(2, "p"), S], [E(0, "p"), S],
        Q("commit")],
    "portal_and_statement_of_one_name": [
        Q("begin"), [P(NUMBERS, "same"), B(of="same", portal="same"), E(2, "same"), S],
        [CP("same"), S], [B(of="same", portal="same"), E(0, "same"), S], [CS("same"), S],
        [E(0, "same"), S], [B(of="same"), S], Q("rollback")],
    "close_portal_keeps_the_statement_of_its_name": [
        [P("select 1", "same"), S], [CP("same"), S], [B(of="same"), E(), S]],
    "portal_name_with_quotes": [[P("select 1"), B(portal='a"b\'c d'), E(0, 'a"b\'c d'), S]],
    "portal_name_that_is_long": [[P("select 1"), B(portal="p" * 200), E(0, "p" * 200), S],
                                 [E(0, "q" * 200), S]],
    "portal_of_an_insert_with_limit": [
        [P("insert into word select n, 'x' from generate_series(10, 15) n returning n"), B(), E(2), E(2),
         E(), S], Q("select count(*) from word")],
    "portal_of_a_dml_without_rows_with_limit": [[P("update word set text = 'x'"), B(), E(1), E(1), S]],
    "portal_of_a_utility_with_limit": [[P("show work_mem"), B(), DP(), E(1), E(1), S]],
    "portal_of_explain_with_limit": [[P("explain (costs off) select 1 union all select 2"), B(), E(1),
                                      E(), S]],
    "portal_of_nothing_with_limit": [[P("select from word"), B(), E(2), E(2), S]],
    "portal_described_while_suspended": [
        Q("begin"), [P("select 1 as a, 'x' as b union all select 2, 'y'"), B(portal="p"), E(1, "p"),
                     DP("p"), E(1, "p"), DP("p"), S], Q("commit")],
    "portals_and_queries_in_turn": [
        Q("begin"), [P(NUMBERS), B(portal="p"), E(2, "p"), S], Q("select 'between'"), [E(2, "p"), S],
        Q("commit")],
    "flush_while_suspended": [
        until("s", P(NUMBERS), B(), E(2), H), until("s", E(2), H), until("C", E(0), H), S],
    "limit_larger_than_the_rows": [[P(NUMBERS), B(), E(2147483647), S]],
    "describe_of_a_statement_with_parameters": [
        [P("select $1::int, $2::text, $3::mood, $4::int[]", "s"), DS("s"), S]],
    "describe_of_a_statement_without_rows": [[P("update word set text = $1", "s"), DS("s"), S]],
    "describe_of_portals_with_formats": [
        [P("select 1, 'x'", "s"), DS("s"), B(of="s", results=(1,)), DP(), B(of="s", results=(0, 1)), DP(),
         S]],
    "cursor": [
        Q("begin"), Q(f"declare c cursor for {NUMBERS}"), Q("fetch 2 from c"), Q("move 2 in c"),
        Q("fetch all c"), Q("fetch c"), Q("close c"), Q("fetch c"), Q("rollback")],
    "cursor_that_scrolls": [
        Q("begin"), Q("declare c scroll cursor for select n from generate_series(1, 5) n"),
        Q("fetch last c; fetch prior c; fetch first c; fetch absolute 3 c; fetch backward all c"),
        Q("commit")],
    "cursor_without_scroll_goes_back": [
        Q("begin"), Q("declare c no scroll cursor for select 1"), Q("fetch c"), Q("fetch prior c"),
        Q("rollback")],
    "cursor_outside_of_a_transaction": [Q(f"declare c cursor for {NUMBERS}"), Q("fetch c")],
    "cursor_in_one_query": [Q(f"begin; declare c cursor for {NUMBERS}; fetch 3 c; commit; fetch c"),
                            Q("select 1")],
    "cursor_ends_with_its_transaction": [
        Q("begin"), Q(f"declare c cursor for {NUMBERS}"), Q("commit"), Q("fetch c")],
    "cursor_that_is_held": [
        Q(f"declare c cursor with hold for {NUMBERS}"), Q("fetch 2 c"), Q("select 1"), Q("fetch 2 c"),
        Q("begin"), Q("fetch c"), Q("rollback"), Q("fetch c"), Q("close c"), Q("fetch c")],
    "cursor_that_is_held_in_a_transaction": [
        Q("begin"), Q(f"declare c cursor with hold for {NUMBERS}"), Q("fetch c"), Q("commit"),
        Q("fetch 2 c"), Q("close all"), Q("fetch c")],
    "cursor_that_is_held_rolled_back": [
        Q("begin"), Q(f"declare c cursor with hold for {NUMBERS}"), Q("rollback"), Q("fetch c")],
    "cursor_by_the_extended_protocol": [
        [run("begin"), run(f"declare c cursor for {NUMBERS}"), run("fetch 2 from c"), S],
        [run("fetch 2 from c"), S], [run("close c"), run("commit"), S]],
    "cursor_is_a_portal": [
        Q("begin"), Q(f"declare c cursor for {NUMBERS}"), [DP("c"), E(2, "c"), S], Q("fetch 2 c"),
        [CP("c"), S], Q("fetch c"), Q("rollback")],
    "cursor_that_exists": [
        Q("begin"), Q("declare c cursor for select 1"), Q("declare c cursor for select 2"),
        Q("rollback")],
    "cursor_of_unknown_name": [Q("fetch nowhere"), Q("close nowhere"), Q("move nowhere"), Q("close all")],
    "cursor_of_a_function": [
        Q("begin"),
        Q("create function opened() returns refcursor language plpgsql as"
          " $$declare r refcursor := 'mine'; begin open r for select 1 union all select 2; return r; end$$"),
        Q("select opened()"), Q("fetch all mine"), Q("rollback")],
    "where_current_of": [
        Q("begin"), Q("declare c cursor for select * from word for update"), Q("fetch c"),
        Q("update word set text = 'here' where current of c"), Q("select text from word where n = 1"),
        Q("rollback")],
}
