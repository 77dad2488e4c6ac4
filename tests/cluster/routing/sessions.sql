--- primary: set
set work_mem = '5MB'
set work_mem to '5MB'
set session work_mem = '5MB'
set local work_mem = '5MB'
set work_mem to default
set search_path = routed, public
set schema 'routed'
set names 'UTF8'
set time zone 'UTC'
set time zone local
set time zone interval '+02:00' hour to minute
set timezone = 3
set datestyle = iso, dmy
set app.setting = 'x'
set "app.setting" = 'x'
set xml option document
set seed = 0.5
set standard_conforming_strings = on
set statement_timeout = '30s'
set role clerk
set role none
set role to 'clerk'
set session role clerk
set local role clerk
set session authorization default
set session authorization app
set local session authorization default
set client_encoding = 'UTF8'
set default_transaction_isolation = 'repeatable read'
set default_transaction_deferrable = on
set synchronous_commit = off
set constraints all deferred
set constraints all immediate
--- primary: set, of the transaction's characteristics
set transaction_read_only = 0
set transaction_read_only = off
set transaction_read_only to false
set session transaction_read_only = 0
set local transaction_read_only = 'off'
set transaction read write
set transaction read write, isolation level read committed
set transaction isolation level serializable
set transaction isolation level read committed, read write, not deferrable
set local transaction isolation level repeatable read
set session characteristics as transaction read write
set session characteristics as transaction isolation level serializable, read write
set default_transaction_read_only = off
set default_transaction_read_only to default
set transaction_isolation = 'serializable'
set transaction_deferrable = on
set "transaction_read_only" = 0
set Transaction_Read_Only = 0
reset default_transaction_read_only
reset default_transaction_isolation
begin read write
start transaction read write
begin isolation level serializable
begin transaction isolation level serializable, read only, deferrable
start transaction isolation level serializable read only
begin isolation level serializable read write
--- primary: reset of what cannot be
--- error: any
reset transaction_read_only
reset transaction_isolation
set transaction snapshot '00000003-0000001B-1'
--- primary: a transaction that was made writable
--- first: begin
--- first: set transaction read write
select 1 for update
insert into written values (1)
select loud()
update written set n = 1 where false
--- primary: settings that allow a transaction to write
--- first: set default_transaction_read_only = on
--- first: begin read write
insert into written values (1)
select loud()
select * from things for update
--- primary: characteristics of a transaction
--- first: begin
set transaction_read_only = 0
set transaction read write
set local transaction_read_only = off
set transaction isolation level serializable
set constraints all deferred
savepoint a
--- primary: reset, show, discard
reset work_mem
reset all
reset role
reset session authorization
reset time zone
reset transaction isolation level
show work_mem
show all
show time zone
show transaction isolation level
show session authorization
show search_path
show server_version
show transaction_read_only
show in_hot_standby
discard all
discard plans
discard sequences
discard temp
discard temporary
--- primary: prepared statements
prepare p as select 1
prepare p (int) as select $1
prepare p as insert into written values (1)
prepare p as values (1)
deallocate all
deallocate prepare all
--- primary: prepared statements, known
--- first: prepare p as select 1
--- first: prepare q (int) as insert into written values ($1)
execute p
execute q (1)
execute q (length('x'))
deallocate p
deallocate prepare q
create table executed as execute p
create temp table executed_2 as execute p with no data
--- primary: prepared statements, unknown
--- error: 26000
execute nobody_knows
deallocate nobody_knows
--- primary: cursors
--- first: begin
declare c cursor for select * from things
declare c scroll cursor with hold for select * from things
declare c binary no scroll insensitive cursor without hold for values (1)
declare c cursor for select * from things for update
declare c asensitive cursor for select loud()
--- primary: cursors, open
--- first: begin
--- first: declare c scroll cursor for select loud(id) from things
fetch c
fetch next from c
fetch forward 3 in c
fetch absolute 2 from c
fetch all c
move c
move backward all in c
close c
close all
--- primary: cursors that outlive their transaction
declare c cursor with hold for select * from things
close all
--- primary: cursors, unknown
--- error: 34000
fetch nobody_knows
close nobody_knows
--- primary: temporary tables
--- first: create temp table mine_alone (n int)
select * from mine_alone
select * from pg_temp.mine_alone
insert into mine_alone values (1)
select count(*) from mine_alone, things
drop table mine_alone
--- primary: a temporary table that hides a permanent one
--- first: create temp table things (n int)
select count(*) from things
select n from things
--- primary: a view that hides a permanent table
--- first: create temp view tree as select loud() as n
select * from tree
--- primary: a lock that lasts
--- first: select pg_advisory_lock(77)
select pg_advisory_unlock(77)
select pg_try_advisory_lock(77)
--- primary: what listens
--- first: listen me
select pg_listening_channels()
unlisten *
--- primary: what this session drew
--- first: select nextval('ticket')
select currval('ticket')
select lastval()
--- primary: two-phase commit
--- first: begin
--- first: insert into written values (1)
prepare transaction 'routed'
--- primary: two-phase commit, second
rollback prepared 'routed'
--- primary: two-phase commit, unknown
--- error: 42704
commit prepared 'nobody knows'
rollback prepared 'nobody knows'
--- primary: in a transaction
--- first: begin
insert into written values (1)
select loud()
select * from things for update
--- primary: after a write in the same transaction
--- first: begin
--- first: insert into written values (1)
select 1
select count(*) from written
table things
values (1)
--- primary: in a transaction that has read
--- first: begin
--- first: select 1
--- first: select count(*) from things
insert into written values (1)
select loud()
select * from things for share
--- primary: in a serializable transaction
--- first: begin isolation level serializable
select 1
select count(*) from things
--- primary: in a serializable transaction, even if read only
--- first: begin isolation level serializable read only
select count(*) from things
--- harmless: in a transaction that is read only
--- known: read-only transactions stay on the primary so far
--- first: begin read only
select count(*) from things
select name from things where id = 3
--- harmless: in a transaction that is read only, another spelling
--- known: read-only transactions stay on the primary so far
--- first: start transaction read only
select count(*) from things
--- harmless: in a transaction that is read only and repeatable
--- known: read-only transactions stay on the primary so far
--- first: begin transaction isolation level repeatable read, read only
select count(*) from things
--- harmless: in a transaction that is read only, after reads
--- known: read-only transactions stay on the primary so far
--- first: begin read only
--- first: select 1
select count(*) from things
--- harmless: in a session that only reads
--- known: read-only transactions stay on the primary so far
--- first: set default_transaction_read_only = on
--- first: begin
select count(*) from things
--- either: in a transaction that may write
--- because: nobody knows what its next statement will be
--- first: begin
select 1
select count(*) from things
--- either: transaction control without a transaction
--- because: there is nothing to end
commit
rollback
end
abort
commit and no chain
--- either: transaction control without a transaction, refused
--- because: there is nothing to chain
--- error: 25P01
commit and chain
savepoint nowhere
release nowhere
rollback to nowhere
--- either: begin
--- because: it takes a node only with the first statement
begin
begin work
begin transaction isolation level read committed
start transaction
begin read only
start transaction isolation level repeatable read, read only
