"""What is large: columns, parameters, fields, texts, names, numbers of rows."""

from .notation import B, DP, DS, E, INT, P, Q, S, TEXT, run

PARAMETERS = 65535
ALL_OF_THEM = ",".join(f"${n}" for n in range(1, PARAMETERS + 1))
MEGABYTE = 1 << 20

SCRIPTS = {
    "columns_1600": [Q("select * from wide"), [run("select * from wide"), S]],
    "columns_1600_described": [[P("select * from wide", "s"), DS("s"), S], [B(of="s", results=(1,)), DP(), E(), S]],
    "columns_1664_and_1665": [Q("select " + ",".join("1" for _ in range(1664))),
                              Q("select " + ",".join("1" for _ in range(1665)))],
    "parameters_65535": [
        [P(f"select count(v), sum(v) from unnest(array[{ALL_OF_THEM}]::int[]) v"),
         B(*map(str, range(PARAMETERS))), DP(), E(), S]],
    "parameters_65535_named": [
        [P(f"select sum(v) from unnest(array[{ALL_OF_THEM}]::int[]) v", "s"), S],
        [B(*["1"] * PARAMETERS, of="s"), E(), S], [B(*["2"] * PARAMETERS, of="s"), E(), S]],
    "parameters_65535_of_given_types": [
        [P("select 1", "s", [INT] * PARAMETERS), DS("s"), B(*["7"] * PARAMETERS, of="s"), E(), S]],
    "parameters_65535_with_formats": [
        [P("select 1", "s", [TEXT] * PARAMETERS),
         B(*["x"] * PARAMETERS, of="s", formats=[n % 2 for n in range(PARAMETERS)]), E(), S]],
    "parameters_one_too_few_of_65535": [
        [P("select 1", "s", [INT] * PARAMETERS), B(*["7"] * (PARAMETERS - 1), of="s"), E(), S]],
    "parameter_number_65536": [[P("select $65536::int"), S], Q("select 1")],
    "parameter_number_zero": [[P("select $0"), S], Q("select $1"), Q("select 1")],
    "field_of_8_megabytes": [Q(f"select repeat('x', {8 * MEGABYTE})")],
    "field_of_4_megabytes_there_and_back": [[P("select $1::text, length($1)"), B("ab" * 2 * MEGABYTE), E(), S]],
    "field_of_megabytes_in_a_pipeline": [
        [[run("select $1::text", chr(97 + n) * MEGABYTE), S] for n in range(4)]],
    "field_of_megabytes_in_binary": [[P("select $1::bytea"), B(bytes(range(256)) * 4096, formats=(1,),
                                                              results=(1,)), E(), S]],
    "fields_of_megabytes_then_an_error": [
        [run("select repeat('x', 1000000)"), run("select 1/0"), S], Q("select 2")],
    "error_of_a_megabyte": [Q("do $$begin raise exception '%', repeat('x', 1000000); end$$"), Q("select 1")],
    "notice_of_a_megabyte": [Q("do $$begin raise notice '%', repeat('x', 1000000); end$$"), Q("select 1")],
    "query_just_below_what_is_judged": [Q(f"select length('{'x' * (256 * 1024 - 30)}')")],
    "query_of_a_megabyte": [Q(f"select length('{'x' * MEGABYTE}')"), Q("select 1")],
    "query_of_a_megabyte_that_fails": [Q(f"select length('{'x' * MEGABYTE}') / 0"), Q("select 1")],
    "queries_of_megabytes_at_once": [[Q(f"select length('{'x' * MEGABYTE}')") for _ in range(3)]],
    "parse_of_a_megabyte": [[run(f"select length('{'x' * MEGABYTE}')"), S], [run("select 1"), S]],
    "parse_of_a_megabyte_named": [
        [P(f"select length('{'x' * MEGABYTE}')", "s"), DS("s"), S], [B(of="s"), E(), S], [B(of="s"), E(), S],
        [P("select 1", "s"), S]],
    "parse_of_a_megabyte_that_fails": [[P(f"selec '{'x' * MEGABYTE}'", "s"), S], [B(of="s"), S]],
    "insert_of_a_megabyte": [
        Q("begin"), [run("insert into word values (7, $1)", "x" * MEGABYTE), S],
        Q("select length(text) from word where n = 7"), Q("select text from word where n = 7"), Q("rollback")],
    "rows_of_many_sizes": [Q("select repeat('x', (1 << n) - 1), repeat('y', 1 << n) from generate_series(0, 17) n")],
    "rows_50000": [Q("select n from generate_series(1, 50000) n")],
    "rows_50000_in_portions": [[P("select n from generate_series(1, 50000) n"), B(), [E(10000)] * 6, S]],
    "comment_of_60000_bytes": [Q("select 1 /* " + "x" * 60000 + " */"), [run("select 2 -- " + "y" * 70000), S]],
    "statement_list_of_2000": [Q(";".join(["select 1"] * 2000))],
}
