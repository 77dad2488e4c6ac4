/*
 * Who gets a connection and when; what is opened, kept, reset, moved and closed.
 */
#include "server/fake.h"

#define EMPTY_QUERY BYTES("Q\0\0\0\5\0")
#define DISCARD_ALL BYTES("Q\0\0\0\20DISCARD ALL\0")
#define REFUSED BYTES("E\0\0\0\36SFATAL\0VFATAL\0C3D000\0Mno\0\0")
#define FULL BYTES("E\0\0\0\36SFATAL\0VFATAL\0C53300\0Mno\0\0")

enum { S = 1000 * 1000 };

static void test_opened_lent_and_given_back(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 2\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	assert_int_equal(f.pool->lent_count, 1);
	assert_memory_equal(f.pool->greeting.data, "S\0\0\0\12a\0bcd", f.pool->greeting.filled);
	pool_give_back(a.server, false);
	assert_int_equal(f.pool->idle_count, 1);
	assert_null(a.asker.server);
	/* The same one, at once. */
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_LENT);
	assert_int_equal(quota_open(f.pool->quota), 1);
	pool_give_back(a.asker.server, false);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_first_come_first_served(void **state)
{
	struct fake_asker holder, a[3];
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&holder, &f);
	peer = lend_first(&f, &holder);
	for (int i = 0; i < 3; i++) {
		asker_begin(&a[i], &f);
		assert_int_equal(pool_lend(f.pool, &a[i].asker), POOL_WAIT);
	}
	turn_some(&f.turns);
	assert_int_equal(quota_open(f.pool->quota), 1);
	pool_leave_queue(&a[1].asker);
	pool_leave_queue(&a[1].asker); /* may be repeated */
	a[0].gives_back = true; /* inside its on_lent */
	pool_give_back(holder.server, false);
	expect_events(&a[0], "L");
	expect_events(&a[1], "");
	expect_events(&a[2], "L");
	assert_int_equal(f.pool->waiting_count, 0);
	pool_give_back(a[2].server, false);
	for (int i = 0; i < 3; i++)
		asker_end(&a[i]);
	asker_end(&holder);
	fake_end(&f);
	close(peer);
}

/* As long as the queue is, the stack is not. */
static void test_a_long_queue_is_no_recursion(void **state)
{
	enum { COUNT = 300 };
	struct fake_asker holder, *a = memory_get_zeroed(COUNT * sizeof *a);
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&holder, &f);
	peer = lend_first(&f, &holder);
	for (int i = 0; i < COUNT; i++) {
		a[i].asker.ops = &fake_asker_ops;
		a[i].gives_back = true;
		assert_int_equal(pool_lend(f.pool, &a[i].asker), POOL_WAIT);
	}
	pool_give_back(holder.server, false);
	for (int i = 0; i < COUNT; i++)
		expect_events(&a[i], "L");
	assert_int_equal(f.pool->idle_count, 1);
	free(a);
	asker_end(&holder);
	fake_end(&f);
	close(peer);
}

/* A turn at a time: `size` and `overflow` are the limit. */
static void test_limit(void **state)
{
	struct fake_asker a[4];
	struct fake f;
	int peers[3];

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 2");
	for (int i = 0; i < 4; i++) {
		asker_begin(&a[i], &f);
		assert_int_equal(pool_lend(f.pool, &a[i].asker), POOL_WAIT);
	}
	assert_int_equal(f.pool->opening_count, 3);
	for (int i = 0; i < 3; i++)
		peers[i] = log_in(&f);
	turn_until(&f.turns, f.pool->lent_count == 3);
	assert_int_equal(f.pool->waiting_count, 1);
	pool_give_back(a[1].server, false);
	expect_events(&a[3], "L");
	pool_give_back(a[0].server, false);
	pool_give_back(a[2].server, false);
	pool_give_back(a[3].server, false);
	/* What is more than `size` ends when it was idle for some seconds. */
	pools_tick(&f.pools, loop_now_us() + 4 * S);
	assert_int_equal(f.pool->idle_count, 3);
	pools_tick(&f.pools, loop_now_us() + 6 * S);
	assert_int_equal(f.pool->idle_count, 1);
	for (int i = 0; i < 4; i++)
		asker_end(&a[i]);
	fake_end(&f);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}

static void test_a_time_out_in_the_queue(void **state)
{
	struct fake_asker holder, a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0\ntimeout_ms = 2000");
	asker_begin(&holder, &f);
	asker_begin(&a, &f);
	peer = lend_first(&f, &holder);
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	pools_tick(&f.pools, loop_now_us() + 1 * S);
	expect_events(&a, "");
	pools_tick(&f.pools, loop_now_us() + 2 * S);
	expect_events(&a, "R");
	assert_null(a.asker.waits_at);
	pool_give_back(holder.server, false);
	asker_end(&holder);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* --- what is given back --- */

static void test_a_pinned_one_is_reset(void **state)
{
	struct fake_asker a, b;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	asker_begin(&b, &f);
	peer = lend_first(&f, &a);
	assert_true(settings_add(&a.server->settings, span_of("a"), span_of("1")));
	a.server->unnamed.low = 1;
	pool_give_back(a.server, true);
	assert_int_equal(pool_lend(f.pool, &b.asker), POOL_WAIT);
	expect_heard(&f, peer, DISCARD_ALL);
	expect_events(&b, "");
	say(peer, BYTES("C\0\0\0\20DISCARD ALL\0"));
	say(peer, READY);
	turn_until(&f.turns, b.asker.server);
	assert_null(b.server->settings);
	assert_int_equal(b.server->unnamed.low, 0);
	pool_give_back(b.server, false);
	asker_end(&a);
	asker_end(&b);
	fake_end(&f);
	close(peer);
}

static void test_a_reset_that_fails_closes(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	pool_give_back(a.server, true);
	expect_heard(&f, peer, DISCARD_ALL);
	say(peer, BYTES("E\0\0\0\30SERROR\0C42601\0Mbad\0\0"));
	turn_until(&f.turns, f.pools.open_count == 0);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_what_is_not_clean_is_closed(void **state)
{
	(void)state;
	for (int how = 0; how < 5; how++) {
		struct fake_asker a;
		struct fake f;
		int peer;

		fake_begin(&f, "size = 1\noverflow = 0");
		asker_begin(&a, &f);
		peer = lend_first(&f, &a);
		if (how == 0)
			ask(&a, REQUEST_QUERY, ANSWER_PASS);
		if (how == 1)
			a.server->status = 'T';
		if (how == 2)
			a.server->is_tainted = true;
		if (how == 3)
			a.server->is_copying_in = true;
		if (how == 4)
			a.server->dies_us = 1;
		pool_give_back(a.server, true);
		assert_int_equal(f.pools.open_count, 0);
		assert_int_equal(quota_open(f.pool->quota), 0);
		asker_end(&a);
		fake_end(&f);
		close(peer);
	}
}

/* A cancel that is still on its way could hit the next client's query. */
static void test_not_lent_before_its_cancels_ended(void **state)
{
	struct fake_asker a, b;
	struct server *server;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	asker_begin(&b, &f);
	peer = lend_first(&f, &a);
	server = a.server;
	server->cancels = 2;
	pool_give_back(server, false);
	assert_int_equal(pool_lend(f.pool, &b.asker), POOL_WAIT);
	pool_cancel_ended(server);
	expect_events(&b, "");
	pool_cancel_ended(server);
	expect_events(&b, "L");
	pool_give_back(b.server, false);
	asker_end(&a);
	asker_end(&b);
	fake_end(&f);
	close(peer);
}

/* --- idle ones --- */

/* One that was idle for long is asked before it is lent; a simple query drops the
 * unnamed statement. */
static void test_pre_ping(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	a.server->unnamed.high = 1;
	pool_give_back(a.server, false);
	f.pool->idle->idle_since_us -= 11 * S;
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	expect_heard(&f, peer, EMPTY_QUERY);
	say(peer, BYTES("I\0\0\0\4Z\0\0\0\5I"));
	turn_until(&f.turns, a.asker.server);
	assert_int_equal(a.server->unnamed.high, 0);
	pool_give_back(a.server, false);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* It is dead: another is opened for who waits. */
static void test_pre_ping_of_a_dead_one(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	pool_give_back(a.server, false);
	f.pool->idle->idle_since_us -= 11 * S;
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	close(peer);
	peer = log_in(&f);
	turn_until(&f.turns, a.asker.server);
	expect_events(&a, "L");
	pool_give_back(a.server, false);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_idle_and_old_ones_end(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 5\noverflow = 0\nidle_s = 60\nrecycle_s = 3600");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	pool_give_back(a.server, false);
	pools_tick(&f.pools, f.pool->idle->idle_since_us + 60 * (uint64_t)S);
	assert_int_equal(f.pool->idle_count, 1);
	pools_tick(&f.pools, f.pool->idle->idle_since_us + 60 * (uint64_t)S + 1);
	assert_int_equal(f.pool->idle_count, 0);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* --- logins that fail --- */

static void test_a_login_is_refused(void **state)
{
	struct fake_asker a, b;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	asker_begin(&b, &f);
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	assert_int_equal(pool_lend(f.pool, &b.asker), POOL_WAIT);
	peer = accept_one(&f);
	say(peer, REFUSED);
	turn_until(&f.turns, a.event_count);
	expect_events(&a, "R");
	expect_events(&b, "R");
	assert_int_equal(f.failed_nodes, 0);
	asker_end(&a);
	asker_end(&b);
	fake_end(&f);
	close(peer);
}

static void test_a_full_server_is_tried_again(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	peer = accept_one(&f);
	say(peer, FULL);
	turn_until(&f.turns, f.pools.open_count == 0);
	close(peer);
	expect_events(&a, "");
	pools_tick(&f.pools, loop_now_us()); /* not yet */
	assert_int_equal(f.pools.open_count, 0);
	f.pool->retry_us = 0;
	pools_tick(&f.pools, loop_now_us());
	peer = log_in(&f);
	turn_until(&f.turns, a.asker.server);
	pool_give_back(a.server, false);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_a_node_that_fails(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	for (int i = 1; i <= 4; i++) {
		f.pool->retry_us = 0;
		assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
		peer = accept_one(&f);
		close(peer);
		turn_until(&f.turns, a.event_count);
		expect_events(&a, "N");
		assert_int_equal(f.failed_nodes, i);
		assert_true(f.pool->retry_us > loop_now_us());
	}
	/* The pause holds although somebody says that the node is up. */
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	pools_set_topology(&f.pools, f.topology);
	assert_int_equal(f.pools.open_count, 0);
	pool_leave_queue(&a.asker);
	asker_end(&a);
	fake_end(&f);
}

static void test_a_connection_attempt_takes_too_long(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0\nconnect_timeout_ms = 3000");
	asker_begin(&a, &f);
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	peer = accept_one(&f);
	pools_tick(&f.pools, loop_now_us() + 2 * S);
	expect_events(&a, "");
	pools_tick(&f.pools, loop_now_us() + 3 * S);
	expect_events(&a, "N");
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_a_node_goes_down(void **state)
{
	struct topology *down;
	struct fake_asker a, b;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	asker_begin(&b, &f);
	peer = lend_first(&f, &a);
	assert_int_equal(pool_lend(f.pool, &b.asker), POOL_WAIT);
	down = topology_copy(f.topology);
	down->nodes[0].is_up = false;
	pools_set_topology(&f.pools, down);
	topology_drop(down);
	expect_events(&b, "N");
	expect_events(&a, ""); /* what is lent may end what it does */
	pool_give_back(a.server, false);
	assert_int_equal(f.pools.open_count, 0);
	asker_end(&a);
	asker_end(&b);
	fake_end(&f);
	close(peer);
}

/* --- between workers --- */

static void test_moves_to_a_worker_that_waits(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	quota_want(f.pool->quota, 1, loop_now_us(), 1);
	pool_give_back(a.server, false);
	turn_until(&f.turns, f.sent == 1);
	assert_int_equal(f.pools.open_count, 0);
	assert_int_equal(f.pool->idle_count, 0);
	/* And back: what it carries is nobody's greeting. */
	quota_want(f.pool->quota, 1, 0, 0);
	assert_true(settings_add(&f.sent_server->settings, span_of("a"), span_of("1")));
	buf_finish(&f.pool->greeting);
	assert_int_equal(pool_lend(f.pool, &a.asker), POOL_WAIT);
	pools_adopt(&f.pools, f.sent_server);
	expect_events(&a, "L");
	assert_int_equal(f.pool->greeting.filled, 0);
	pool_give_back(a.server, false);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* A byte came before it was sent: nobody can say what it is. */
static void test_a_byte_on_the_way_to_another_worker(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	quota_want(f.pool->quota, 1, loop_now_us(), 1);
	pool_give_back(a.server, false);
	f.pools.leaving->has_unread = true;
	turn_some(&f.turns);
	assert_int_equal(f.sent, 0);
	assert_int_equal(f.pools.open_count, 0);
	quota_want(f.pool->quota, 1, 0, 0);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_a_wish(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 2\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	pool_give_back(a.server, false);
	pools_wish(&f.pools, 1, 0, "app", "bob"); /* which nobody has any more */
	assert_int_equal(f.pool->idle_count, 1);
	quota_want(f.pool->quota, 1, loop_now_us(), 1);
	pools_wish(&f.pools, 1, 0, "app", "bob");
	turn_until(&f.turns, f.sent == 1);
	quota_want(f.pool->quota, 1, 0, 0);
	pools_adopt(&f.pools, f.sent_server);
	assert_int_equal(f.pool->idle_count, 1);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

static void test_a_token_for_another_worker(void **state)
{
	struct fake_asker a;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	peer = lend_first(&f, &a);
	quota_want(f.pool->quota, 1, loop_now_us(), 1);
	a.server->is_tainted = true;
	pool_give_back(a.server, false);
	assert_int_equal(f.retries, 1);
	quota_want(f.pool->quota, 1, 0, 0);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* --- private pools */

/* A (node, user)'s private pools share a limit of their own. */
static void test_a_private_pool(void **state)
{
	struct span pairs = BYTES("replication\0on\0");
	struct fake_asker a, b, ordinary;
	struct pool *first, *second;
	struct fake f;
	int peers[3];

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	asker_begin(&b, &f);
	asker_begin(&ordinary, &f);
	peers[0] = lend_first(&f, &ordinary);
	first = pools_make_private(&f.pools, 0, "app", "bob", pairs);
	second = pools_make_private(&f.pools, 0, "shop", "bob", pairs);
	assert_ptr_not_equal(first, f.pool);
	assert_ptr_not_equal(first, second);
	assert_int_equal(pool_lend(first, &a.asker), POOL_WAIT);
	peers[1] = accept_one(&f);
	expect_heard(&f, peers[1],
		     BYTES("\0\0\0\56\0\3\0\0user\0bob\0database\0app\0replication\0on\0\0"));
	say(peers[1], LOGGED_IN);
	turn_until(&f.turns, a.asker.server);
	/* The second waits, and asks nobody else for a connection. */
	assert_int_equal(pool_lend(second, &b.asker), POOL_WAIT);
	pools_tick(&f.pools, loop_now_us());
	assert_int_equal(second->opening_count, 0);
	assert_int_equal(f.wishes, 0);
	/* Given back is closed, whoever waits; the next tick opens another. */
	pool_give_back(a.server, false);
	assert_int_equal(first->idle_count + first->lent_count, 0);
	pool_end_private(first);
	pools_tick(&f.pools, loop_now_us()); /* frees the first */
	assert_int_equal(HASH_COUNT(f.pools.all), 2);
	assert_int_equal(second->opening_count, 1);
	peers[2] = log_in(&f);
	turn_until(&f.turns, b.asker.server);
	pool_give_back(b.asker.server, false);
	pool_give_back(ordinary.server, false);
	assert_int_equal(f.pool->idle_count, 1);
	asker_end(&a);
	asker_end(&b);
	asker_end(&ordinary);
	fake_end(&f);
	for (int i = 0; i < 3; i++)
		close(peers[i]);
}

/* Its asker left while it was opened: it is closed, then its pool is freed. */
static void test_a_private_pool_that_is_over(void **state)
{
	struct fake_asker a;
	struct pool *pool;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	pool = pools_make_private(&f.pools, 0, "app", "bob", span_of(""));
	assert_int_equal(pool_lend(pool, &a.asker), POOL_WAIT);
	peer = accept_one(&f);
	pool_leave_queue(&a.asker);
	pool_end_private(pool);
	pools_tick(&f.pools, loop_now_us());
	assert_int_equal(HASH_COUNT(f.pools.all), 2);
	skip_heard(&f, peer, STARTUP_BYTES);
	say(peer, LOGGED_IN);
	turn_until(&f.turns, f.pools.open_count == 0);
	pools_tick(&f.pools, loop_now_us());
	assert_int_equal(HASH_COUNT(f.pools.all), 1);
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

/* An error says it at once: who has a WAL sender keeps it. */
static void test_a_private_pool_does_not_wait_for_a_full_server(void **state)
{
	struct fake_asker a;
	struct pool *pool;
	struct fake f;
	int peer;

	(void)state;
	fake_begin(&f, "size = 1\noverflow = 0");
	asker_begin(&a, &f);
	pool = pools_make_private(&f.pools, 0, "app", "bob", span_of(""));
	assert_int_equal(pool_lend(pool, &a.asker), POOL_WAIT);
	peer = accept_one(&f);
	skip_heard(&f, peer, STARTUP_BYTES);
	say(peer, FULL);
	turn_until(&f.turns, a.event_count > 0);
	expect_events(&a, "R");
	asker_end(&a);
	fake_end(&f);
	close(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opened_lent_and_given_back),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_a_long_queue_is_no_recursion),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_a_time_out_in_the_queue),
		cmocka_unit_test(test_a_pinned_one_is_reset),
		cmocka_unit_test(test_a_reset_that_fails_closes),
		cmocka_unit_test(test_what_is_not_clean_is_closed),
		cmocka_unit_test(test_not_lent_before_its_cancels_ended),
		cmocka_unit_test(test_pre_ping),
		cmocka_unit_test(test_pre_ping_of_a_dead_one),
		cmocka_unit_test(test_idle_and_old_ones_end),
		cmocka_unit_test(test_a_login_is_refused),
		cmocka_unit_test(test_a_full_server_is_tried_again),
		cmocka_unit_test(test_a_node_that_fails),
		cmocka_unit_test(test_a_connection_attempt_takes_too_long),
		cmocka_unit_test(test_a_node_goes_down),
		cmocka_unit_test(test_moves_to_a_worker_that_waits),
		cmocka_unit_test(test_a_byte_on_the_way_to_another_worker),
		cmocka_unit_test(test_a_wish),
		cmocka_unit_test(test_a_token_for_another_worker),
		cmocka_unit_test(test_a_private_pool),
		cmocka_unit_test(test_a_private_pool_that_is_over),
		cmocka_unit_test(test_a_private_pool_does_not_wait_for_a_full_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
