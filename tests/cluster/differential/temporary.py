"""Temporary tables: made, read, dropped, with each ON COMMIT, by both protocols."""

from .notation import B, E, P, Q, S, run

SCRIPTS = {
    "temporary_table": [
        Q("create temp table mine (n int)"), Q("insert into mine values (1), (2)"),
        Q("select sum(n) as sum from mine"), [run("select count(*) from mine"), S], Q("drop table mine"),
        Q("select 1 from mine")],
    "temporary_table_on_commit_drop": [
        Q("begin"), Q("create temp table mine (n int) on commit drop"), Q("insert into mine values (1)"),
        Q("select count(*) from mine"), Q("commit"), Q("select 1 from mine")],
    "temporary_table_on_commit_drop_alone": [
        Q("create temp table mine (n int) on commit drop"), Q("select 1 from mine")],
    "temporary_table_on_commit_delete": [
        Q("create temp table mine (n int) on commit delete rows"), Q("insert into mine values (1)"),
        Q("select count(*) from mine"), Q("begin"), Q("insert into mine values (1)"),
        Q("select count(*) from mine"), Q("commit"), Q("select count(*) from mine")],
    "temporary_table_rolled_back": [
        Q("begin"), Q("create temp table mine (n int)"), Q("rollback"), Q("select 1 from mine")],
    "temporary_table_hides_another": [
        Q("create temp table word (n int)"), Q("select count(*) from word"), Q("drop table word"),
        Q("select count(*) from word")],
    "temporary_table_by_batches": [
        [run("create temp table mine as select 1 as n"), S], [run("select n + 0 as n from mine"), S],
        [P("select n + 1 as n from mine", "s"), B(of="s"), E(), S], [B(of="s"), E(), S],
        [run("drop table mine"), S]],
    "temporary_table_in_one_query": [
        Q("create temp table mine (n int); insert into mine values (1); select n + 0 from mine;"
          " drop table mine"), Q("select 1 from mine")],
    "temporary_table_by_its_schema": [
        Q("create table pg_temp.mine (n int)"), Q("select count(*) from pg_temp.mine"),
        Q("select count(*) from mine")],
    "temporary_view_and_sequence": [
        Q("create temp view seen as select 1 as n"), Q("select n + 0 as n from seen"),
        Q("create temp sequence own"), Q("select nextval('own')"), Q("select nextval('own'), currval('own')"),
        Q("drop view seen"), Q("drop sequence own"), Q("select nextval('own')")],
    "temporary_function": [
        Q("create function pg_temp.one() returns int language sql as 'select 1'"),
        Q("select pg_temp.one()"), Q("select pg_temp.one()"), Q("drop function pg_temp.one()"),
        Q("select pg_temp.one()")],
    "temporary_table_by_select_into": [
        Q("select 1 as n into temp mine"), Q("select n + 0 as n from mine"), Q("discard temp"),
        Q("select 1 from mine")],
    "temporary_table_by_a_function": [
        Q("do $$begin create temp table mine (n int); end$$"), Q("select count(*) from mine"),
        Q("drop table mine")],
    "temporary_table_of_a_statement_of_the_protocol": [
        [P("create temp table mine (n int)", "make"), P("drop table mine", "drop"), S],
        [B(of="make"), E(), S], Q("select count(*) from mine"), [B(of="drop"), E(), S],
        Q("select 1 from mine")],
}
