/*
 * One socket: what is offered, held back, kept, written, closed and buried.
 */
#include "proxy/turns.h"

#include "base/ensure.h"

#include <errno.h>
#include <netinet/in.h>

/* An owner that writes down what it is told. */
struct owner {
	struct conn conn; /* first */
	struct buf got;
	size_t uses; /* so many bytes of an offer at most */
	size_t held_at; /* holds, or stops reading, when it has so many; 0: never */
	bool stops, releases_at_once, closes_at_once;
	int offers, rooms, losses, connects, *burials;
	int error;
};

static size_t on_bytes(struct conn *c, struct span bytes)
{
	struct owner *o = (struct owner *)c;
	size_t used = bytes.size < o->uses ? bytes.size : o->uses;

	o->offers++;
	buf_append(&o->got, bytes.data, used);
	if (o->closes_at_once)
		conn_close(c);
	if (o->held_at && o->got.filled >= o->held_at) {
		if (o->stops)
			conn_stop_reading(c);
		else
			conn_hold(c);
	}
	if (o->releases_at_once) {
		o->releases_at_once = false;
		conn_release(c);
	}
	return used;
}

static void on_connected(struct conn *c)
{
	((struct owner *)c)->connects++;
}

static void on_room(struct conn *c)
{
	((struct owner *)c)->rooms++;
}

static void on_lost(struct conn *c, int error)
{
	struct owner *o = (struct owner *)c;

	o->losses++;
	o->error = error;
	conn_close(c);
}

static void on_buried(struct conn *c)
{
	struct owner *o = (struct owner *)c;

	++*o->burials;
	buf_finish(&o->got);
	free(o);
}

static const struct conn_ops ops = { on_bytes, on_connected, on_room, on_lost, on_buried };

struct fixture {
	struct turns turns;
	struct owner *owner;
	int peer, burials;
};

static void begin(struct fixture *f)
{
	int fd;

	*f = (struct fixture){ 0 };
	turns_begin(&f->turns);
	make_pair(&fd, &f->peer);
	f->owner = memory_get_zeroed(sizeof *f->owner);
	f->owner->uses = SIZE_MAX;
	f->owner->burials = &f->burials;
	conn_open(&f->owner->conn, &f->turns.conns, fd, &ops);
}

static void end(struct fixture *f)
{
	if (f->burials == 0)
		conn_close(&f->owner->conn);
	turns_end(&f->turns);
	assert_int_equal(f->burials, 1);
	close(f->peer);
}

static void tell(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->peer, text, strlen(text)), strlen(text));
}

static bool has(const struct owner *o, const char *text)
{
	return span_is(buf_waiting(&o->got), text);
}

/* All that the peer gets until there are `size` bytes, or the end. */
static struct buf hear(struct fixture *f, size_t size)
{
	uint64_t until_us = loop_now_us() + 10 * 1000 * 1000;
	struct buf heard = { 0 };
	char bytes[65536];

	while (heard.filled < size && loop_now_us() < until_us) {
		ssize_t count = read(f->peer, bytes, sizeof bytes);

		if (count == 0)
			break;
		if (count > 0)
			buf_append(&heard, bytes, (size_t)count);
		else
			turn(&f->turns);
	}
	return heard;
}

static void expect_heard(struct fixture *f, const char *text)
{
	struct buf heard = hear(f, strlen(text));

	assert_true(span_is(buf_waiting(&heard), text));
	buf_finish(&heard);
}

/* --- reading */

static void test_what_is_left_over_comes_again(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.owner->uses = 2;
	tell(&f, "abcde");
	turn_until(&f.turns, f.owner->offers == 1);
	turn_some(&f.turns);
	assert_int_equal(f.owner->offers, 1); /* not before more has come */
	assert_true(conn_has_left_over(&f.owner->conn));
	f.owner->uses = SIZE_MAX;
	tell(&f, "f");
	turn_until(&f.turns, f.owner->offers == 2);
	assert_true(has(f.owner, "abcdef"));
	assert_false(conn_has_left_over(&f.owner->conn));
	assert_null(f.owner->conn.in.data); /* an idle one owns no buffer */
	end(&f);
}

static void test_held_and_released(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	conn_hold(&f.owner->conn);
	tell(&f, "abc");
	turn_some(&f.turns);
	assert_int_equal(f.owner->offers, 0);
	tell(&f, "def");
	turn_some(&f.turns);
	conn_release(&f.owner->conn);
	turn_until(&f.turns, f.owner->offers > 0);
	assert_true(has(f.owner, "abcdef"));
	end(&f);
}

/* Held inside on_bytes: the rest waits without more bytes. */
static void test_held_in_the_middle(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.owner->uses = 3;
	f.owner->held_at = 3;
	tell(&f, "abcdef");
	turn_until(&f.turns, f.owner->offers == 1);
	turn_some(&f.turns);
	assert_int_equal(f.owner->offers, 1);
	f.owner->held_at = 0;
	conn_release(&f.owner->conn);
	turn_until(&f.turns, f.owner->offers == 2);
	assert_true(has(f.owner, "abcdef"));
	end(&f);
}

/* Held and released in one call: what was not used comes in the same turn. */
static void test_released_inside_the_offer(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.owner->uses = 3;
	f.owner->held_at = 3;
	f.owner->releases_at_once = true;
	tell(&f, "abcdef");
	turn_until(&f.turns, f.owner->offers == 2);
	assert_true(has(f.owner, "abcdef"));
	end(&f);
}

static void fill_peer(struct fixture *f, size_t size)
{
	static const char zeros[65536];
	size_t sent = 0;

	while (sent < size) {
		ssize_t count = write(f->peer, zeros, sizeof zeros);

		if (count < 0 && errno == EAGAIN)
			break;
		assert_true(count > 0);
		sent += (size_t)count;
		turn(&f->turns);
	}
}

static void test_a_held_one_reads_ahead_so_far(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	conn_hold(&f.owner->conn);
	fill_peer(&f, 4 << 20);
	turn_some(&f.turns);
	assert_in_range(f.owner->conn.in.filled, CONN_HELD_BYTES,
			CONN_HELD_BYTES + CONN_READ_BYTES);
	conn_release(&f.owner->conn);
	turn_until(&f.turns, f.owner->got.filled > 3 * CONN_HELD_BYTES);
	end(&f);
}

static void test_a_held_one_notices_the_end(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	conn_hold(&f.owner->conn);
	tell(&f, "never looked at");
	shutdown(f.peer, SHUT_RDWR);
	turn_until(&f.turns, f.burials == 1);
	end(&f);
}

static void test_stopped_reads_nothing(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	conn_stop_reading(&f.owner->conn);
	tell(&f, "abc");
	turn_some(&f.turns);
	assert_true(buf_is_empty(&f.owner->conn.in));
	conn_release(&f.owner->conn);
	turn_until(&f.turns, has(f.owner, "abc"));
	end(&f);
}

static void test_closed_inside_the_offer(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	f.owner->uses = 1;
	f.owner->closes_at_once = true;
	tell(&f, "abc");
	turn_until(&f.turns, f.burials == 1);
	end(&f);
	/* The same when the offer was of what had been left over. */
	begin(&f);
	f.owner->uses = 0;
	tell(&f, "abc");
	turn_until(&f.turns, f.owner->offers == 1);
	f.owner->closes_at_once = true;
	tell(&f, "d");
	turn_until(&f.turns, f.burials == 1);
	end(&f);
}

/* --- writing */

static void test_one_write_for_a_turn(void **state)
{
	struct fixture f;
	char byte;

	(void)state;
	begin(&f);
	conn_send(&f.owner->conn, span_of("ab"));
	buf_append(conn_out(&f.owner->conn), "cd", 2);
	conn_sent(&f.owner->conn);
	assert_int_equal(read(f.peer, &byte, 1), -1); /* not before its end */
	expect_heard(&f, "abcd");
	turn_some(&f.turns);
	assert_null(f.owner->conn.out.data);
	end(&f);
}

/* Large ones are written at once, but never before what waits. */
static void test_large_writes_keep_the_order(void **state)
{
	size_t size = 3 << 20;
	char *large = memory_get(size);
	struct fixture f;
	struct buf heard;

	(void)state;
	for (size_t i = 0; i < size; i++)
		large[i] = (char)(i * 7 >> 3);
	begin(&f);
	conn_send(&f.owner->conn, span_of("head"));
	conn_send(&f.owner->conn, span_make(large, size));
	conn_send(&f.owner->conn, span_of("middle"));
	heard = hear(&f, 10 + size);
	conn_send(&f.owner->conn, span_make(large, size));
	conn_send(&f.owner->conn, span_of("tail"));
	assert_int_equal(heard.filled, 10 + size);
	assert_memory_equal(heard.data, "head", 4);
	assert_memory_equal(heard.data + 4, large, size);
	assert_memory_equal(heard.data + 4 + size, "middle", 6);
	buf_finish(&heard);
	heard = hear(&f, size + 4);
	assert_int_equal(heard.filled, size + 4);
	assert_memory_equal(heard.data, large, size);
	assert_memory_equal(heard.data + size, "tail", 4);
	buf_finish(&heard);
	free(large);
	end(&f);
}

static void test_congestion_ends_with_one_word(void **state)
{
	static const char zeros[8192];
	struct fixture f;
	struct buf heard;
	size_t sent = 0;

	(void)state;
	begin(&f);
	while (!conn_is_congested(&f.owner->conn)) {
		conn_send(&f.owner->conn, span_make(zeros, sizeof zeros));
		sent += sizeof zeros;
		turn(&f.turns);
	}
	assert_int_equal(f.owner->rooms, 0);
	heard = hear(&f, sent);
	assert_int_equal(heard.filled, sent);
	turn_some(&f.turns);
	assert_int_equal(f.owner->rooms, 1);
	assert_false(conn_is_congested(&f.owner->conn));
	buf_finish(&heard);
	end(&f);
}

/* --- closing */

static void test_closes_when_sent(void **state)
{
	size_t size = 2 << 20;
	char *large = memory_get_zeroed(size);
	struct fixture f;
	struct buf heard;

	(void)state;
	begin(&f);
	tell(&f, "not looked at any more");
	conn_send(&f.owner->conn, span_make(large, size));
	conn_close_when_sent(&f.owner->conn);
	turn_some(&f.turns);
	assert_int_equal(f.burials, 0);
	heard = hear(&f, size + 1);
	assert_int_equal(heard.filled, size);
	turn_until(&f.turns, f.burials == 1);
	buf_finish(&heard);
	free(large);
	end(&f);
}

/* The peer leaves before it has read everything: no on_lost, just the end. */
static void test_closes_when_the_peer_is_gone(void **state)
{
	size_t size = 2 << 20;
	char *large = memory_get_zeroed(size);
	struct fixture f;

	(void)state;
	begin(&f);
	conn_send(&f.owner->conn, span_make(large, size));
	conn_close_when_sent(&f.owner->conn);
	turn(&f.turns);
	shutdown(f.peer, SHUT_RDWR);
	turn_until(&f.turns, f.burials == 1);
	free(large);
	end(&f);
}

static void test_buried_at_the_end_of_the_turn(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f);
	conn_send(&f.owner->conn, span_of("lost"));
	conn_close(&f.owner->conn);
	conn_close(&f.owner->conn); /* may be repeated */
	conn_send(&f.owner->conn, span_of("nowhere"));
	conn_release(&f.owner->conn);
	assert_int_equal(f.burials, 0);
	turn(&f.turns);
	assert_int_equal(f.burials, 1);
	end(&f);
}

/* --- connecting and moving */

static struct sockaddr_storage loopback(int *listener)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	socklen_t size = sizeof *in;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(*listener, (struct sockaddr *)in, sizeof *in), 0);
	assert_int_equal(listen(*listener, 1), 0);
	assert_int_equal(getsockname(*listener, (struct sockaddr *)in, &size), 0);
	return storage;
}

static struct owner *connect_to(struct fixture *f, const struct sockaddr_storage *address)
{
	struct owner *o = memory_get_zeroed(sizeof *o);

	o->uses = SIZE_MAX;
	o->burials = &f->burials;
	assert_int_equal(conn_connect(&o->conn, &f->turns.conns, address,
				      sizeof(struct sockaddr_in), &ops), 0);
	return o;
}

static void test_connect(void **state)
{
	struct sockaddr_storage address;
	struct fixture f = { 0 };
	int listener;

	(void)state;
	turns_begin(&f.turns);
	address = loopback(&listener);
	f.owner = connect_to(&f, &address);
	conn_send(&f.owner->conn, span_of("before it was connected"));
	turn_until(&f.turns, f.owner->connects == 1);
	f.peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(f.peer >= 0);
	expect_heard(&f, "before it was connected");
	close(listener);
	end(&f);
}

static void test_connect_is_refused(void **state)
{
	struct sockaddr_storage address;
	struct fixture f = { 0 };
	int listener, before;

	(void)state;
	turns_begin(&f.turns);
	address = loopback(&listener);
	close(listener);
	f.owner = connect_to(&f, &address);
	before = f.burials;
	turn_until(&f.turns, f.burials == before + 1);
	turns_end(&f.turns);
}

static void test_moves_to_another_loop(void **state)
{
	struct turns other;
	struct fixture f;

	(void)state;
	begin(&f);
	tell(&f, "a");
	turn_until(&f.turns, has(f.owner, "a"));
	conn_detach(&f.owner->conn);
	turns_begin(&other);
	tell(&f, "b");
	turn_some(&f.turns);
	assert_true(has(f.owner, "a"));
	conn_attach(&f.owner->conn, &other.conns);
	turn_until(&other, has(f.owner, "ab"));
	conn_close(&f.owner->conn);
	turns_end(&other);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left_over_comes_again),
		cmocka_unit_test(test_held_and_released),
		cmocka_unit_test(test_held_in_the_middle),
		cmocka_unit_test(test_released_inside_the_offer),
		cmocka_unit_test(test_a_held_one_reads_ahead_so_far),
		cmocka_unit_test(test_a_held_one_notices_the_end),
		cmocka_unit_test(test_stopped_reads_nothing),
		cmocka_unit_test(test_closed_inside_the_offer),
		cmocka_unit_test(test_one_write_for_a_turn),
		cmocka_unit_test(test_large_writes_keep_the_order),
		cmocka_unit_test(test_congestion_ends_with_one_word),
		cmocka_unit_test(test_closes_when_sent),
		cmocka_unit_test(test_closes_when_the_peer_is_gone),
		cmocka_unit_test(test_buried_at_the_end_of_the_turn),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_is_refused),
		cmocka_unit_test(test_moves_to_another_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
