"""Formats: text and binary, in and out, mixed; results of one statement in both."""

import struct

from .notation import B, BOOL, BYTEA, DP, DS, E, INT, P, Q, S, TEXT, UNKNOWN, int4

SCRIPTS = {
    "binary_in": [[P("select $1::int + 1"), B(int4(41), formats=(1,)), E(), S]],
    "binary_out": [[P("select 42::int, 'x'::text, true, '\\x00ff'::bytea, 1.5::float8"),
                    B(results=(1,)), DP(), E(), S]],
    "binary_in_and_text": [[P("select $1::int + $2::int"), B(int4(1), "2", formats=(1, 0)), E(), S]],
    "binary_out_and_text": [[P("select 1::int, 2::int, 3::int"), B(results=(1, 0, 1)), DP(), E(), S]],
    "one_statement_in_both_formats": [
        [P("select $1::int as n", "s"), S],
        [B("1", of="s"), E(), B(int4(2), of="s", formats=(1,), results=(1,)), E(), B("3", of="s"), E(), S],
        [B("4", of="s", results=(1,)), DP(), E(), S], [B("5", of="s", results=(0,)), DP(), E(), S]],
    "one_statement_in_both_formats_in_a_pipeline": [
        [P("select 7::int8", "s"), S],
        [[B(of="s", results=(n % 2,)), DP(), E(), S] for n in range(10)]],
    "nulls": [[P("select $1::int, $2::text, $3::int is null"), B(None, None, None), E(), S],
              [P("select $1::int"), B(None, formats=(1,), results=(1,)), E(), S]],
    "empty_values": [[P("select $1::text = '', length($2::bytea)"), B("", b"", formats=(0, 1)), E(), S]],
    "empty_value_for_a_number": [[P("select $1::int"), B(""), E(), S]],
    "types_given": [[P("select $1, $2, $3, $4", "s", [INT, TEXT, BYTEA, BOOL]), DS("s"),
                     B(int4(1), "x", b"\0\xff", b"\1", of="s", formats=(1, 0, 1, 1)), E(), S]],
    "types_partly_given": [[P("select $1, $2 || 'x'", "s", [INT]), DS("s"), B("1", "y", of="s"), E(), S]],
    "types_given_as_zero": [[P("select $1::int", "s", [0]), DS("s"), S]],
    "type_unknown_given": [[P("select $1", "s", [UNKNOWN]), DS("s"), B("x", of="s"), E(), S]],
    "types_of_the_database": [[P("select $1::mood, $1::mood > 'sad'", "s"), DS("s"), B("ok", of="s"), E(), S],
                              [B("furious", of="s"), E(), S]],
    "binary_array": [[P("select array[1, 2, null]::int[], '{a,b}'::text[]"), B(results=(1,)), E(), S]],
    "binary_numeric_and_time": [
        [P("select 12345.678::numeric, '2001-02-03 04:05:06'::timestamp, '1 day'::interval,"
           " 'ok'::mood, '{\"a\": 1}'::jsonb, '10.0.0.1'::inet"), B(results=(1,)), E(), S]],
    "binary_value_too_long": [[P("select $1::int"), B(b"\0\0\0\1\0", formats=(1,)), E(), S], Q("select 1")],
    "binary_bool_and_float": [[P("select $1::bool, $2::float8", "s"),
                               B(b"\1", struct.pack("!d", 2.5), of="s", formats=(1,)), E(), S]],
    "binary_text_with_bad_utf8": [[P("select $1::text"), B(b"\xff", formats=(1,)), E(), S], Q("select 1")],
    "binary_row_cannot": [[P("select row(1, 'x')"), B(results=(1,)), E(), S],
                          [P("select $1::record"), S]],
    "more_types_than_parameters": [[P("select $1::int", "s", [INT, INT, INT]), DS("s"), B("1", of="s"), S],
                                   [B("1", "2", "3", of="s"), E(), S]],
    "settings_of_output": [Q("set bytea_output = escape; set extra_float_digits = 0; set datestyle = german;"
                             " set intervalstyle = iso_8601"),
                           [P("select '\\x00ff'::bytea, 0.1::float8 + 0.2, '2001-02-03'::date,"
                              " '1 day 2 h'::interval"), B(), E(), S], Q("reset all")],
}
