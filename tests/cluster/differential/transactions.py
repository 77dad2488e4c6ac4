"""Transactions: their borders, warnings, failures, savepoints, chains, locks, notifications."""

from .notation import B, E, P, Q, S, elsewhere, run

SCRIPTS = {
    "begin_twice": [Q("begin"), Q("begin"), Q("commit")],
    "begin_twice_in_a_pipeline": [[run("begin"), run("begin"), run("commit"), S]],
    "commit_without_begin": [Q("commit"), Q("rollback"), Q("end"), Q("abort")],
    "commit_without_begin_in_a_pipeline": [[run("commit"), S, run("rollback"), S]],
    "commit_in_a_failed_transaction": [Q("begin"), Q("select 1/0"), Q("select 2"), Q("commit"), Q("select 3")],
    "failed_transaction_refuses_everything": [
        Q("begin"), Q("selec"), Q("select 1"), Q("set work_mem = '1MB'"), Q("show work_mem"),
        Q("savepoint a"), Q("begin"), Q("discard all"), Q("listen x"), Q("rollback")],
    "commit_and_chain": [Q("begin isolation level serializable"), Q("select 1"), Q("commit and chain"),
                         Q("show transaction_isolation"), Q("rollback and chain"), Q("commit and no chain"),
                         Q("show transaction_isolation")],
    "commit_and_chain_after_an_error": [Q("begin"), Q("select 1/0"), Q("commit and chain"), Q("select 1"),
                                        Q("rollback")],
    "chain_outside_of_a_block": [Q("commit and chain"), Q("rollback and chain"), Q("select 1")],
    "savepoints": [
        Q("begin"), Q("insert into word values (7, 'a')"), Q("savepoint a"), Q("insert into word values (8, 'b')"),
        Q("savepoint b"), Q("select 1/0"), Q("rollback to b"), Q("rollback to a"), Q("release a"), Q("commit"),
        Q("select n from word order by n")],
    "savepoint_unknown": [Q("begin"), Q("rollback to nowhere"), Q("release nowhere"), Q("rollback")],
    "savepoint_of_one_name_twice": [
        Q("begin"), Q("savepoint a"), Q("savepoint a"), Q("rollback to a"), Q("release a"), Q("release a"),
        Q("release a"), Q("rollback")],
    "isolation_levels": [
        *[step for level in ("serializable", "repeatable read", "read committed", "read uncommitted")
          for step in (Q(f"begin isolation level {level}"), Q("show transaction_isolation"), Q("commit"))]],
    "set_transaction": [
        Q("begin"), Q("set transaction isolation level serializable, read only"),
        Q("show transaction_isolation"), Q("show transaction_read_only"), Q("select 1"),
        Q("set transaction isolation level read committed"), Q("rollback"), Q("show transaction_isolation")],
    "set_transaction_outside": [Q("set transaction read only"), Q("show transaction_read_only"),
                                Q("set local transaction isolation level serializable")],
    "set_transaction_too_late": [Q("begin"), Q("select 1"), Q("set transaction isolation level serializable"),
                                 Q("rollback")],
    "read_only_then_write": [Q("begin read only"), Q("set transaction read write"), Q("select 1"),
                             Q("commit"), Q("insert into word values (7, 'x')")],
    "read_only_set_late": [Q("begin"), Q("select count(*) from word"), Q("set transaction read only"),
                           Q("delete from word"), Q("rollback")],
    "default_read_only": [
        Q("set default_transaction_read_only = on"), Q("delete from word"), Q("select count(*) from word"),
        Q("begin read write"), Q("delete from word where n = 3"), Q("commit"), Q("begin"),
        Q("delete from word"), Q("rollback"), Q("reset default_transaction_read_only"),
        Q("select count(*) from word")],
    "read_only_serializable_deferrable": [Q("begin isolation level serializable read only deferrable"),
                                          Q("select count(*) from word"), Q("commit")],
    "start_transaction_words": [Q("start transaction"), Q("select 1"), Q("end transaction"),
                                Q("BEGIN WORK"), Q("ABORT WORK")],
    "begin_read_only_and_errors": [Q("begin read only"), Q("select 1/0"), Q("select 1"), Q("commit")],
    "begin_read_only_and_nothing": [Q("begin read only"), Q("commit"), Q("begin read only"), Q("rollback"),
                                    Q("begin read only"), Q("begin"), Q("select 1"), Q("commit")],
    "begin_read_only_by_batches": [[run("begin read only"), S], [run("select count(*) from word"), S],
                                   [run("delete from word"), S], [run("rollback"), S]],
    "prepared_begin": [[P("begin", "b"), P("commit", "c"), S], [B(of="b"), E(), S], Q("select 1"),
                       [B(of="c"), E(), S], [B(of="b"), E(), B(of="c"), E(), S]],
    "two_phase_is_off": [Q("begin"), Q("prepare transaction 'x'"), Q("select 1"),
                         Q("commit prepared 'x'"), Q("rollback")],
    "listen_and_notify_oneself": [
        Q("listen here"), Q("notify here, 'one'"), Q("select pg_notify('here', 'two')"), Q("select 1"),
        Q("unlisten here"), Q("notify here, 'unheard'"), Q("select 2")],
    "notify_in_a_transaction": [
        Q("listen here"), Q("begin"), Q("notify here, 'a'"), Q("notify here, 'b'"), Q("select 1"),
        Q("commit"), Q("begin"), Q("notify here, 'c'"), Q("rollback"), Q("unlisten *")],
    "notify_in_a_pipeline": [
        [run("listen here"), S, run("notify here, 'one'"), S, run("select 1"), S, run("unlisten *"), S]],
    "notify_and_listen_in_one_query": [Q("listen here; notify here; select 1"), Q("unlisten *")],
    "notify_without_listening": [Q("notify here"), Q("select pg_notify('here', 'x')"), Q("select 1")],
    "listening_channels": [Q("listen b"), Q("listen a"), Q("select pg_listening_channels() order by 1"),
                           Q("unlisten a"), Q("select pg_listening_channels()"), Q("unlisten *"),
                           Q("select pg_listening_channels()")],
    "listen_rolled_back": [Q("begin"), Q("listen here"), Q("rollback"), Q("notify here"), Q("select 1")],
    "notify_payload_too_long": [Q(f"notify here, '{'x' * 8000}'"), Q("notify here, ''"), Q("select 1")],
    "advisory_locks": [
        Q("select pg_advisory_lock(4711)"), Q("select pg_try_advisory_lock(4711)"),
        Q("select pg_advisory_unlock(4711)"), Q("select pg_advisory_unlock(4711)"),
        Q("select pg_advisory_unlock(4711)"),
        Q("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()")],
    "advisory_lock_over_transactions": [
        Q("begin"), Q("select pg_advisory_lock(4712)"), Q("commit"),
        Q("select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"),
        Q("select pg_advisory_unlock_all()"), Q("select pg_advisory_unlock(4712)")],
    "advisory_lock_of_a_transaction": [
        Q("begin"), Q("select pg_advisory_xact_lock(4713)"), Q("commit"),
        Q("select pg_advisory_unlock(4713)")],
    "advisory_lock_is_still_held": [
        Q("select pg_advisory_lock(4714)"), Q("select 1"), elsewhere("select 1"),
        Q("select pg_advisory_unlock(4714)")],
    "savepoint_by_batches": [
        [run("begin"), run("savepoint a"), run("select 1/0"), S], [run("rollback to a"), S],
        [run("select 1"), run("commit"), S]],
    "lock_table": [Q("lock table word"), Q("begin; lock table word"), Q("commit")],
    "lock_timeout_is_ones_own": [Q("set lock_timeout = '7s'"), Q("show lock_timeout"), Q("begin"),
                                 Q("show lock_timeout"), Q("rollback"), Q("reset lock_timeout"),
                                 Q("show lock_timeout")],
    "transaction_in_a_procedure": [
        Q("create procedure steps() language plpgsql as $$begin insert into word values (7, 'x'); commit;"
          " insert into word values (8, 'y'); rollback; end$$"),
        Q("call steps()"), Q("select n from word order by n"), Q("begin"), Q("call steps()"), Q("rollback"),
        Q("drop procedure steps")],
}
