"""FunctionCall: large objects, unknown functions, wrong arguments, errors in transactions."""

from .notation import F, P, Q, S, int4, raw, run, until

LO_CREATE, LO_OPEN, LO_CLOSE, LO_READ = 715, 952, 953, 954
LO_WRITE, LO_SEEK, LO_UNLINK = 955, 956, 964
ABS, LOWER, SQRT_NOWHERE = 1397, 870, 999999
READ_WRITE = 0x60000
OBJECT = 471100

SCRIPTS = {
    "function_call": [F(ABS, int4(-42))],
    "function_call_with_text": [F(ABS, b"-42", formats=(0,), result=0), F(ABS, b"-42", formats=(0,))],
    "function_call_of_a_text_function": [F(LOWER, b"ABC", result=0)],
    "function_call_of_null": [F(ABS, None), F(LOWER, None, formats=())],
    "function_call_unknown": [F(SQRT_NOWHERE, int4(1)), Q("select 1")],
    "function_call_with_too_few": [F(ABS), Q("select 1")],
    "function_call_with_too_many": [F(ABS, int4(1), int4(2)), Q("select 1")],
    "function_call_with_wrong_formats": [F(ABS, int4(1), formats=(1, 1, 1)), Q("select 1")],
    "function_call_with_a_bad_value": [F(ABS, b"x", formats=(0,)), F(ABS, b"\0", formats=(1,)), Q("select 1")],
    "function_call_with_bytes_behind": [raw("F", F(ABS, int4(-1))[5:] + b"more"), Q("select 1")],
    "function_call_that_is_nothing": [raw("F", b""), Q("select 1")],
    "function_calls_at_once": [[F(ABS, int4(-n)) for n in range(10)]],
    "function_calls_among_others": [[F(ABS, int4(-1)), Q("select 2"), run("select 3"), S, F(ABS, int4(-4))]],
    "function_call_in_a_failed_transaction": [Q("begin"), Q("select 1/0"), F(ABS, int4(-1)), Q("rollback")],
    "function_call_fails_a_transaction": [Q("begin"), F(LO_OPEN, int4(1), int4(READ_WRITE)), Q("select 1"),
                                          Q("rollback")],
    "function_call_in_an_open_batch": [[P("select 1", "s"), F(ABS, int4(-1)), S]],
    "large_object": [
        Q("begin"), F(LO_CREATE, int4(OBJECT)), F(LO_OPEN, int4(OBJECT), int4(READ_WRITE)),
        F(LO_WRITE, int4(0), b"large object" * 1000), F(LO_SEEK, int4(0), int4(6), int4(0)),
        F(LO_READ, int4(0), int4(20)), F(LO_READ, int4(0), int4(1000000)), F(LO_CLOSE, int4(0)),
        F(LO_UNLINK, int4(OBJECT)), Q("rollback")],
    "large_object_that_exists": [Q("begin"), F(LO_CREATE, int4(OBJECT)), F(LO_CREATE, int4(OBJECT)),
                                 Q("rollback")],
    "large_object_outside_of_a_transaction": [
        F(LO_CREATE, int4(OBJECT)), F(LO_OPEN, int4(OBJECT), int4(READ_WRITE)),
        F(LO_READ, int4(0), int4(10)), F(LO_UNLINK, int4(OBJECT)), F(LO_UNLINK, int4(OBJECT))],
    "large_object_by_sql": [
        Q(f"select lo_from_bytea({OBJECT}, 'abc')"), Q(f"select lo_get({OBJECT})"),
        Q(f"select lo_unlink({OBJECT})"), Q(f"select lo_get({OBJECT})")],
    "large_object_of_megabytes": [
        Q("begin"), F(LO_CREATE, int4(OBJECT)), F(LO_OPEN, int4(OBJECT), int4(READ_WRITE)),
        F(LO_WRITE, int4(0), b"0123456789" * 200000), F(LO_SEEK, int4(0), int4(0), int4(0)),
        F(LO_READ, int4(0), int4(2000000)), Q("rollback")],
    "function_call_is_a_write": [
        F(1574, int4(0)), Q("select 1")],  # nextval of no sequence
    "function_call_sets_nothing_behind": [F(ABS, int4(-1)), [P("select 1"), S], F(ABS, int4(-1)),
                                          until("Z", S)],
}
