"""Prepared statements: of the protocol, of SQL, both of one name, and plans that went stale."""

from .notation import B, CS, DS, E, P, Q, S, beside, elsewhere, run, start

# A row type that another session changes; a star is not used where types must be the same.
STAR = "select * from shape"
TO_TEXT = elsewhere("alter table shape alter a type text")
TO_INT = elsewhere("alter table shape alter a type int using a::int")


def parsed_twice(sql, *settings):
    """The same text under one name and setting after the other."""
    return [step for number, setting in enumerate(settings)
            for step in (Q(setting), [P(sql, f"s{number}"), S], [B(of=f"s{number}"), E(), S])]


def beside_parsed(sql):
    return beside(P(sql, "s"), B(of="s"), E(), S)


def update(word):
    """A statement that runs on the primary, of a text that no other script has."""
    return f"update word set text = '{word}' where n = 1"


def meanwhile(sql, *messages):
    """A statement is used on every connection, another client asks this, then again on every one."""
    uses = [[B(of="s"), E(), S]] * 4
    return [[P(sql, "s"), S], *uses, beside(*messages), *uses]


SCRIPTS = {
    "named_over_many_transactions": [
        [P("select $1::int + 1", "plus"), S], *[[B(str(n), of="plus"), E(), S] for n in range(8)]],
    "named_twice_in_one_session": [
        [P("select 1", "s"), S], [P("select 1", "s"), S], [B(of="s"), E(), S]],
    "named_twice_with_another_text": [
        [P("select 1", "s"), S], [P("select 2", "s"), S], [B(of="s"), E(), S]],
    "named_twice_in_one_batch": [[P("select 1", "s"), P("select 1", "s"), S], [B(of="s"), E(), S]],
    "one_text_under_two_names": [
        [P("select 1", "a"), P("select 1", "b"), S], [B(of="a"), E(), CS("a"), B(of="b"), E(), S],
        [B(of="a"), E(), S]],
    "one_text_with_other_types": [
        [P("select $1", "a", [23]), P("select $1", "b", [25]), S],
        [DS("a"), B("1", of="a"), E(), S], [DS("b"), B("x", of="b"), E(), S]],
    "closed_and_used": [[P("select 1", "s"), S], [CS("s"), S], [B(of="s"), S], [DS("s"), S]],
    "closed_twice": [[P("select 1", "s"), S], [CS("s"), CS("s"), S], [CS("s"), S]],
    "never_made": [[B(of="never"), S], [DS("never"), S], [CS("never"), S],
                   Q("execute never"), Q("deallocate never")],
    "made_in_a_transaction_that_is_rolled_back": [
        Q("begin"), [P("select 1", "s"), S], Q("rollback"), [B(of="s"), E(), S]],
    "closed_in_a_transaction_that_is_rolled_back": [
        [P("select 1", "s"), S], Q("begin"), [CS("s"), S], Q("rollback"), [B(of="s"), E(), S]],
    "unnamed_over_batches": [[P("select $1::int"), S], [B("1"), E(), S], [B("2"), DS(), E(), S]],
    "unnamed_replaced": [[P("select 1"), B(), P("select 2"), E(), B(), E(), S], [B(), E(), S]],
    "unnamed_after_a_parse_that_failed": [[P("select 1"), S], [P("selec"), S], [B(), E(), S]],
    "unnamed_after_an_error_elsewhere": [[P("select 1"), S], [B(of="nowhere"), S], [B(), E(), S]],
    "unnamed_in_and_after_a_transaction": [
        Q("begin"), [P("select 1"), S], [B(), E(), S], [run("commit"), S], [P("select 2"), S],
        [B(), E(), S]],
    "unnamed_survives_rollback": [[P("rollback"), B(), E(), S], [B(), E(), S]],
    "unnamed_and_named_in_turn": [
        [P("select 'named'", "s"), P("select 'unnamed'"), S], [B(), E(), B(of="s"), E(), S],
        [B(), E(), S]],
    "unnamed_is_ended_by_a_query_that_fails": [[P("select 1"), S], Q("selec"), [B(), S]],
    "read_then_write_by_one_name": [
        [P("select text from word where n = $1", "read"), S],
        [P("update word set text = $2 where n = $1", "write"), S],
        [B("1", of="read"), E(), S], [B("1", "uno", of="write"), E(), S], [B("1", of="read"), E(), S],
        [B("1", of="read"), E(), B("1", "un", of="write"), E(), B("1", of="read"), E(), S]],
    "three_hundred_statements": [
        [[P(f"select {n}", f"s{n}") for n in range(300)], S],
        [[[B(of=f"s{n}"), E()] for n in range(300)], S], [[[B(of=f"s{n}"), E()] for n in range(0, 300, 7)], S]],
    # --- SQL
    "sql_prepare_execute_deallocate": [
        Q("prepare s (int) as select $1 + 1"), Q("execute s (1)"), Q("execute s (2)"),
        Q("deallocate s"), Q("execute s (3)")],
    "sql_prepare_in_one_query": [Q("prepare s as select 1; execute s; deallocate s; execute s")],
    "sql_prepare_twice": [Q("prepare s as select 1"), Q("prepare s as select 2"), Q("execute s")],
    "sql_prepare_fails": [Q("prepare s as select * from nowhere"), Q("execute s"),
                          Q("prepare s as select 1"), Q("execute s")],
    "sql_prepare_rolled_back_stays": [
        Q("begin"), Q("prepare s as select 1"), Q("rollback"), Q("execute s")],
    "sql_execute_of_unknown": [Q("execute nowhere"), Q("deallocate nowhere"), [run("execute nowhere"), S]],
    "sql_execute_wrong_count": [Q("prepare s (int) as select $1"), Q("execute s"), Q("execute s (1, 2)"),
                                Q("execute s ('x')")],
    "sql_deallocate_all": [
        Q("prepare a as select 1"), Q("prepare b as select 2"), Q("deallocate all"), Q("execute a"),
        Q("execute b")],
    "sql_deallocate_prepare_all": [Q("prepare a as select 1"), Q("deallocate prepare all"), Q("execute a")],
    "sql_prepare_by_the_extended_protocol": [
        [run("prepare s (int) as select $1 * 2"), S], [run("execute s (4)"), S],
        [run("deallocate s"), S], [run("execute s (5)"), S]],
    "sql_prepare_in_a_pipeline": [
        [run("prepare s as select 1"), run("execute s"), run("deallocate s"), S, run("execute s"), S]],
    "sql_prepare_used_by_bind": [
        Q("prepare s (int) as select $1 + 1 as n"), [DS("s"), B("1", of="s"), E(), S], [CS("s"), S],
        Q("execute s (1)")],
    "sql_prepare_with_a_quoted_name": [
        Q('prepare "My ""one""" as select 1'), Q('execute "My ""one"""'), [B(of='My "one"'), E(), S],
        Q('deallocate "My ""one"""'), Q('execute "My ""one"""')],
    "sql_prepare_name_is_folded": [Q("prepare MyOne as select 1"), Q("execute myone"), [B(of="MyOne"), S],
                                   [B(of="myone"), E(), S]],
    "sql_prepare_name_of_64_bytes": [
        Q(f"prepare {'a' * 64} as select 1"), Q(f"execute {'a' * 63}"), Q(f"deallocate {'a' * 64}")],
    "sql_execute_of_a_write": [
        Q("prepare s (int) as insert into word values ($1, 'x')"), Q("execute s (7)"),
        Q("select count(*) from word"), Q("execute s (7)")],
    "sql_execute_of_a_read_after_a_write": [
        Q("prepare s as select text from word where n = 1"), Q("execute s"),
        Q("update word set text = 'new' where n = 1"), Q("execute s")],
    "sql_create_table_as_execute": [
        Q("prepare s as select 1 as n"), Q("create table made as execute s"), Q("select n + 0 from made"),
        Q("drop table made")],
    "sql_explain_execute": [Q("prepare s as select 1"), Q("explain (costs off) execute s")],
    "sql_prepare_over_transactions": [
        Q("prepare s (int) as select $1"), Q("begin"), Q("execute s (1)"), Q("rollback"), Q("select 'between'"),
        Q("execute s (2)"), Q("begin; execute s (3); commit")],
    "sql_statements_are_listed": [
        Q("prepare s (int) as select $1"), [P("select $1::text", "t"), S],
        Q("select name, statement, parameter_types, from_sql from pg_prepared_statements"
          " order by name")],
    "no_statement_is_listed": [Q("select name, statement, from_sql from pg_prepared_statements"),
                               [run("select name from pg_prepared_statements where name <> ''"), S]],
    # --- both, of one name
    "sql_executes_what_the_protocol_made": [
        [P("select $1::int + 1", "s"), S], Q("execute s (1)"), Q("deallocate s"), [B("1", of="s"), S],
        Q("execute s (1)")],
    "sql_prepares_a_name_of_the_protocol": [
        [P("select 1", "s"), S], Q("prepare s as select 2"), Q("execute s"), [B(of="s"), E(), S]],
    "protocol_parses_a_name_of_sql": [
        Q("prepare s as select 1"), [P("select 2", "s"), S], [B(of="s"), E(), S], Q("execute s")],
    "sql_deallocates_what_the_protocol_made": [
        [P("select 1", "s"), S], Q("deallocate s"), [B(of="s"), E(), S], Q("deallocate s")],
    "sql_deallocates_by_the_extended_protocol": [
        [P("select 1", "s"), S], [run("deallocate s"), S], [B(of="s"), E(), S]],
    "sql_deallocates_in_a_batch_that_uses_it": [
        [P("select 1", "s"), B(of="s"), E(), run("deallocate s"), B(of="s"), E(), S]],
    "sql_deallocates_in_a_failed_transaction": [
        [P("select 1", "s"), S], Q("begin"), Q("select 1/0"), Q("deallocate s"), Q("rollback"),
        [B(of="s"), E(), S]],
    "sql_deallocates_in_a_rolled_back_transaction": [
        [P("select 1", "s"), S], Q("begin"), Q("deallocate s"), Q("rollback"), [B(of="s"), E(), S]],
    "sql_deallocates_among_statements": [
        [P("select 1", "s"), S], Q("select 2; deallocate s; select 3"), [B(of="s"), E(), S]],
    "sql_deallocates_all_of_the_protocol": [
        [P("select 1", "a"), P("select 2", "b"), S], Q("deallocate all"), [B(of="a"), S], [B(of="b"), S],
        [P("select 3", "a"), B(of="a"), E(), S]],
    "sql_deallocates_all_by_the_extended_protocol": [
        [P("select 1", "a"), S], [run("deallocate all"), S], [B(of="a"), S],
        [P("select 1", "a"), B(of="a"), E(), S]],
    "sql_deallocates_all_in_a_pipeline": [
        [P("select 1", "a"), run("deallocate all"), B(of="a"), E(), S],
        [P("select 1", "a"), B(of="a"), E(), S]],
    "sql_deallocates_all_rolled_back": [
        [P("select 1", "a"), S], Q("begin"), Q("deallocate all"), Q("rollback"), [B(of="a"), S]],
    "sql_deallocates_one_and_then_fails": [
        Q("prepare s as select 1"), Q("deallocate s; select 1/0"), Q("execute s"), Q("prepare s as select 2"),
        Q("execute s")],
    "sql_deallocates_all_and_then_fails": [
        [P(update("a"), "a"), B(of="a"), E(), S], Q("deallocate all; select 1/0"), [B(of="a"), S],
        [P(update("a"), "a"), B(of="a"), E(), S]],
    "another_deallocates_all": meanwhile(update("b"), Q("deallocate all")),
    "another_deallocates_all_and_fails": meanwhile(update("c"), Q("deallocate all; select 1/0")),
    "another_deallocates_all_in_a_batch_that_fails": meanwhile(
        update("d"), run("deallocate all"), run("select 1/0"), S),
    "another_deallocates_all_in_a_transaction_that_fails": meanwhile(
        update("e"), Q("begin"), Q("deallocate all"), Q("select 1/0"), Q("rollback")),
    "another_discards_all": meanwhile(update("f"), Q("discard all")),
    "deallocate_prepared_by_name": [
        [P("deallocate all", "clear"), P("select 1", "one"), S], [B(of="clear"), E(), S],
        [B(of="one"), S], [B(of="clear"), S]],
    # --- what a text means is decided when it is parsed: by the settings of that moment
    "literals_follow_the_time_zone": parsed_twice(
        "select extract(epoch from '2001-02-03 04:05'::timestamptz)", "set timezone = 'Asia/Tokyo'",
        "set timezone = 'UTC'"),
    "literals_follow_datestyle": parsed_twice(
        "select '01/02/2003'::date - '2003-01-01'::date", "set datestyle = 'sql, dmy'", "set datestyle = 'sql, mdy'"),
    "literals_follow_standard_conforming_strings": parsed_twice(
        "select length('a\\nb')", "set standard_conforming_strings = off; set escape_string_warning = off",
        "set standard_conforming_strings = on"),
    "literals_follow_the_encoding": parsed_twice(
        "select length('é')", "set client_encoding = 'latin1'", "set client_encoding = 'utf8'"),
    "null_follows_transform_null_equals": parsed_twice(
        "select (null::int = null) is true", "set transform_null_equals = on", "set transform_null_equals = off"),
    "names_follow_the_search_path": [
        Q("create schema one; create table one.kept (a int); create schema two; create table two.kept (b text, c text);"
          " insert into one.kept values (1); insert into two.kept values ('x', 'y')"),
        *parsed_twice("select (k).* from (select kept as k from kept) s", "set search_path = one", "set search_path = two"),
        Q("drop schema one, two cascade")],
    "names_are_gone_from_the_search_path": parsed_twice(
        "select count(*) from word", "set search_path = public", "set search_path = pg_catalog"),
    "rights_follow_the_role": parsed_twice("select count(*) from word", "set role app", "set role clerk"),
    "literals_of_another_client": [
        start(TimeZone="Asia/Tokyo"), beside_parsed("select extract(epoch from '2001-02-03 04:06'::timestamptz)"),
        [P("select extract(epoch from '2001-02-03 04:06'::timestamptz)", "s"), B(of="s"), E(), S]],
    # --- plans that went stale
    "table_changes_under_a_star": [
        [P(STAR, "star"), DS("star"), S], [B(of="star"), E(), S], TO_TEXT,
        [B(of="star"), E(), S], [B(of="star"), E(), S], [DS("star"), S], TO_INT, [B(of="star"), E(), S]],
    "table_changes_under_a_star_in_a_transaction": [
        [P(STAR, "star"), S], [B(of="star"), E(), S], TO_TEXT, Q("begin"), [B(of="star"), E(), S],
        [B(of="star"), E(), S], Q("rollback"), TO_INT],
    "table_changes_and_the_client_parses_again": [
        [P(STAR, "star"), S], [B(of="star"), E(), S], TO_TEXT, [B(of="star"), E(), S],
        [CS("star"), P(STAR, "star"), DS("star"), B(of="star"), E(), S], [P(STAR, "other"), DS("other"), S],
        [B(of="other"), E(), S], TO_INT],
    "table_changes_and_another_name_is_parsed": [
        [P(STAR, "one"), B(of="one"), E(), S], TO_TEXT, [P(STAR, "two"), DS("two"), B(of="two"), E(), S],
        [B(of="one"), E(), S], TO_INT],
    "table_changes_under_the_unnamed_statement": [
        [P(STAR), S], TO_TEXT, [B(), DS(), S], TO_INT],
    "table_changes_under_sql_prepare": [
        Q(f"prepare star as {STAR}"), Q("execute star"), TO_TEXT, Q("execute star"), Q("execute star"),
        TO_INT, Q("execute star")],
    "table_changes_under_columns_that_stay": [
        [P("select b from shape", "b"), S], [B(of="b"), E(), S], TO_TEXT, [B(of="b"), E(), S], TO_INT],
    "table_dropped_under_a_statement": [
        Q("create table made (n int)"), [P("select n + 0 as n from made", "s"), S], [B(of="s"), E(), S],
        elsewhere("drop table made"), [B(of="s"), E(), S], [B(of="s"), E(), S], [DS("s"), S]],
    "search_path_changes_under_a_statement": [
        Q("create schema other; create table other.word (n int)"),
        [P("select count(*) from word", "s"), S], [B(of="s"), E(), S],
        Q("set search_path = other"), [B(of="s"), E(), S], Q("reset search_path"), [B(of="s"), E(), S],
        Q("drop schema other cascade")],
    "own_table_change_under_a_star": [
        [P(STAR, "star"), S], [B(of="star"), E(), S], Q("alter table shape alter a type text"),
        [B(of="star"), E(), S], [CS("star"), P(STAR, "star"), B(of="star"), E(), S],
        Q("alter table shape alter a type int using a::int")],
    "parameter_type_changes_under_a_name": [
        [P("select * from shape where a = $1", "s"), DS("s"), S], TO_TEXT, [DS("s"), S], TO_INT],
}
