"""Who may log in, how pgweir logs in to the servers, and what a refused client is told."""

import hashlib

import pytest

from cluster import USERS
from drivers import connect, sqlstate_of_refusal, value

pytestmark = pytest.mark.proxy


def serves(proxy, **who):
    with connect(proxy, **who) as connection:
        return value(connection, "select current_user")


@pytest.mark.parametrize("user", ["app", "keeper", "legacy", "clear"])
def test_each_way_to_log_in_to_a_server(weir, user):
    assert serves(weir(), user=user) == user


def test_scram_verifier_is_all_that_pgweir_needs(weir, cluster):
    """The client's proof is passed through: no password is stored anywhere."""
    verifier = cluster.primary.psql("select rolpassword from pg_authid where rolname = 'keeper'")
    assert verifier.startswith("SCRAM-SHA-256$")
    proxy = weir(users={**USERS, "keeper": verifier})
    assert serves(proxy, user="keeper") == "keeper"
    assert sqlstate_of_refusal(proxy, user="keeper", password="wrong")[0] == "28P01"


def test_md5_hash_is_all_that_pgweir_needs(weir):
    stored = "md5" + hashlib.md5((USERS["legacy"] + "legacy").encode()).hexdigest()
    proxy = weir(users={**USERS, "legacy": stored})
    assert serves(proxy, user="legacy") == "legacy"
    assert sqlstate_of_refusal(proxy, user="legacy", password="wrong")[0] == "28P01"


def test_wrong_password(weir):
    proxy = weir()
    sqlstate, message = sqlstate_of_refusal(proxy, password="wrong")
    assert sqlstate == "28P01" and 'password authentication failed for user "app"' in message
    assert serves(proxy) == "app"


def test_wrong_password_does_not_get_in_on_a_warm_pool(weir):
    proxy = weir(pool_size=1)
    with connect(proxy) as connection:
        connection.execute("select 1")
        assert sqlstate_of_refusal(proxy, password="wrong")[0] == "28P01"


def test_unknown_user_is_told_what_a_wrong_password_is_told(weir):
    proxy = weir()
    sqlstate, message = sqlstate_of_refusal(proxy, user="nobody_here", password="x")
    assert sqlstate == "28P01"
    assert 'password authentication failed for user "nobody_here"' in message
    assert serves(proxy) == "app"


def test_user_of_the_server_who_is_not_in_the_users_file(weir):
    users = {name: secret for name, secret in USERS.items() if name != "keeper"}
    assert sqlstate_of_refusal(weir(users=users), user="keeper")[0] == "28P01"


def test_unknown_database(weir):
    proxy = weir()
    sqlstate, message = sqlstate_of_refusal(proxy, database="no_such_database")
    assert sqlstate == "3D000" and "no_such_database" in message
    assert serves(proxy) == "app"


def test_password_that_the_server_does_not_take(weir):
    proxy = weir(users={**USERS, "keeper": "not-what-the-server-has"})
    sqlstate, message = sqlstate_of_refusal(proxy, user="keeper",
                                            password="not-what-the-server-has")
    assert sqlstate == "28P01", message
    assert serves(proxy) == "app"


def test_one_client_too_many(weir):
    proxy = weir(proxy_max_clients=2)
    with connect(proxy) as one:
        with connect(proxy) as two:
            assert sqlstate_of_refusal(proxy)[0] == "53300"
            assert (value(one, "select 1"), value(two, "select 2")) == (1, 2)
        for _ in range(20):  # the place is free as soon as the goodbye was read
            if sqlstate_of_refusal(proxy)[0] is None:
                return
        assert sqlstate_of_refusal(proxy)[0] is None


def test_failed_logins_leave_nothing_behind(weir):
    proxy = weir(proxy_max_clients=5)
    for _ in range(30):
        assert sqlstate_of_refusal(proxy, password="wrong")[0] == "28P01"
    before = proxy.descriptors()
    for _ in range(30):
        assert sqlstate_of_refusal(proxy, password="wrong")[0] == "28P01"
    assert proxy.descriptors() <= before + 2
    assert serves(proxy) == "app"
