"""A small real application in two drivers: a shop whose money and stock never change in sum.

50 clients over a pool of 10.  Placing an order moves money from a user to the order and units
from the stock to its items, in one transaction; any single SELECT, wherever it runs, must see the
sums unchanged.
"""

import asyncio
import random
import threading
import time

import asyncpg
import pytest

from drivers import asyncpg_parameters, connect

CLIENTS = 50
USERS, ITEMS = 40, 20
BALANCE, STOCK, PRICE = 1_000_000, 100_000, 7
POOL_OF_TEN = {"pool_size": 10, "pool_overflow": 0}
MONEY = ("select (select sum(balance) from users)"
         " + (select coalesce(sum(total), 0) from orders)")
UNITS = ("select (select sum(stock) from items)"
         " + (select coalesce(sum(units), 0) from order_items)")
SCHEMA = f"""
drop table if exists order_items, orders, items, users;
create table users (id int primary key, name text, balance bigint not null);
create table items (id int primary key, name text, stock bigint not null, price int not null);
create table orders (id bigserial primary key, user_id int references users, total bigint,
                     placed timestamptz default now());
create table order_items (order_id bigint references orders, item_id int references items,
                          units int not null);
create index on orders (user_id);
create index on order_items (order_id);
insert into users select n, 'user ' || n, {BALANCE} from generate_series(1, {USERS}) n;
insert into items select n, 'item ' || n, {STOCK}, {PRICE} from generate_series(1, {ITEMS}) n;
alter table users owner to app; alter table items owner to app; alter table orders owner to app;
alter table order_items owner to app;
"""


@pytest.fixture
def shop(cluster):
    cluster.primary.psql(SCHEMA, "app")
    cluster.wait_replayed()
    return cluster


def basket(choice):
    """Item → units; sorted, so that two orders never lock in opposite order."""
    return sorted((choice.randrange(1, ITEMS + 1), choice.randrange(1, 5))
                  for _ in range(choice.randrange(1, 4)))


def check_books(shop, placed):
    """The end: sums unchanged, each acknowledged order stored once, each total right."""
    node = shop.primary
    assert node.number(MONEY, "app") == USERS * BALANCE
    assert node.number(UNITS, "app") == ITEMS * STOCK
    assert node.number("select count(*) from orders", "app") == len(placed) == len(set(placed))
    assert node.number(
        f"select count(*) from orders o where total <> (select coalesce(sum(units), 0) * {PRICE}"
        " from order_items where order_id = o.id)", "app") == 0


# --- psycopg, one thread for each client

def place_order(connection, choice):
    user, chosen = choice.randrange(1, USERS + 1), basket(choice)
    total = sum(units for _, units in chosen) * PRICE
    with connection.transaction():
        order, = connection.execute(
            "insert into orders (user_id, total) values (%s, %s) returning id",
            [user, total]).fetchone()
        connection.execute("update users set balance = balance - %s where id = %s", [total, user])
        for item, units in chosen:
            connection.execute("insert into order_items values (%s, %s, %s)", [order, item, units])
            connection.execute("update items set stock = stock - %s where id = %s", [units, item])
        if choice.random() < 0.1:
            raise KeyError("the customer changed her mind")
    return order


def shop_with_psycopg(server, seed, deadline, placed, trouble):
    choice = random.Random(seed)
    try:
        with connect(server) as connection:
            while time.monotonic() < deadline and not trouble:
                try:
                    order = place_order(connection, choice)
                except KeyError:
                    continue
                placed.append(order)
                found = connection.execute(
                    f"select o.total = sum(i.units) * {PRICE} from orders o join order_items i"
                    " on i.order_id = o.id where o.id = %s group by o.id", [order]).fetchone()
                if found != (True,):
                    trouble.append(f"own order {order} reads as {found}")
                for sums, wanted in ((MONEY, USERS * BALANCE), (UNITS, ITEMS * STOCK)):
                    if connection.execute(sums).fetchone()[0] != wanted:
                        trouble.append(f"{sums} is not {wanted}")
    except Exception as error:  # reported by the test, in its own thread
        trouble.append(repr(error))


@pytest.mark.threads
def test_shop_with_psycopg(weir, shop, seconds):
    proxy = weir(**POOL_OF_TEN)
    placed, trouble, deadline = [], [], time.monotonic() + seconds(30, 8)
    threads = [threading.Thread(target=shop_with_psycopg, daemon=True,
                                args=[proxy, seed, deadline, placed, trouble])
               for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not trouble
    assert not any(thread.is_alive() for thread in threads), "a client hangs"
    assert len(placed) > CLIENTS
    check_books(shop, placed)


# --- asyncpg, one task for each client

async def shop_with_asyncpg(pool, seed, deadline, placed):
    choice = random.Random(seed)
    while time.monotonic() < deadline:
        async with pool.acquire() as connection:
            user, chosen = choice.randrange(1, USERS + 1), basket(choice)
            total = sum(units for _, units in chosen) * PRICE
            async with connection.transaction():
                order = await connection.fetchval(
                    "insert into orders (user_id, total) values ($1, $2) returning id",
                    user, total)
                await connection.execute(
                    "update users set balance = balance - $1 where id = $2", total, user)
                await connection.executemany(
                    "insert into order_items values ($1, $2, $3)",
                    [(order, item, units) for item, units in chosen])
                for item, units in chosen:
                    await connection.execute(
                        "update items set stock = stock - $1 where id = $2", units, item)
            placed.append(order)
            assert await connection.fetchval(
                "select total from orders where id = $1", order) == total
            assert await connection.fetchval(MONEY) == USERS * BALANCE
            assert await connection.fetchval(UNITS) == ITEMS * STOCK


def test_shop_with_asyncpg(weir, shop, seconds):
    proxy = weir(**POOL_OF_TEN)
    placed = []

    async def scenario():
        deadline = time.monotonic() + seconds(30, 8)
        async with asyncpg.create_pool(**asyncpg_parameters(proxy), min_size=CLIENTS,
                                       max_size=CLIENTS) as pool:
            await asyncio.gather(*(shop_with_asyncpg(pool, seed, deadline, placed)
                                   for seed in range(CLIENTS)))

    asyncio.run(scenario())
    assert len(placed) > CLIENTS
    check_books(shop, placed)
