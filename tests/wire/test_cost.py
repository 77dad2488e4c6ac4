"""What settings and prepared statements cost when nothing changes: no message more."""

import messages as m


def letters_since(connection, mark):
    return "".join(message.type for message in connection.received[mark:])


def test_D12_settings_that_do_not_change_cost_no_message(server, weir):
    one = weir(server, pool_size=1)
    with one.login(application_name="mine", timezone="UTC") as client, \
            one.login(application_name="mine", timezone="UTC") as alike:
        client.query("set a.b = 1")
        client.query("select 'x'")
        alike.query("set a.b = 1")
        client.query("select 'x'")  # it waits until the server was asked what was set
        connection, = server.data()
        mark = len(connection.received)
        for turn in range(50):
            for each in (client, alike):
                assert each.query(f"select '{turn}'").value == str(turn)
        assert letters_since(connection, mark) == "Q" * 100


def test_D12_a_change_of_hands_costs_one_batch(server, weir):
    one = weir(server, pool_size=1)
    with one.login(application_name="a") as a, one.login(application_name="b") as b:
        a.query("select 'x'")
        b.query("select 'x'")
        connection, = server.data()
        mark = len(connection.received)
        for _ in range(10):
            a.query("select 'x'")
            b.query("select 'x'")
        assert letters_since(connection, mark) == "PBESQ" * 20


def test_prepared_statements_cost_no_message(server, weir):
    one = weir(server, pool_size=1)
    with one.login() as client, one.login() as alike:
        for each in (client, alike):
            each.send(m.parse("select $1", "s"), m.SYNC).expect("1Z")
        connection, = server.data()
        mark = len(connection.received)
        for turn in range(50):
            for each in (client, alike):
                each.send(m.bind("s", [str(turn)]), m.execute(), m.SYNC)
                assert each.result().value == str(turn)
        assert letters_since(connection, mark) == "BES" * 100


def test_a_connection_with_the_same_settings_is_preferred(server, weir):
    one = weir(server, pool_size=2)
    with one.login(application_name="a") as a, one.login(application_name="b") as b:
        for each in (a, b):
            each.query("begin")
        for each in (a, b):
            each.query("commit")
        connections = server.data()
        marks = [len(connection.received) for connection in connections]
        for _ in range(20):
            a.query("select 'x'")
            b.query("select 'x'")
        assert len(connections) == 2
        assert sorted(letters_since(*pair) for pair in zip(connections, marks)) == ["Q" * 20] * 2
