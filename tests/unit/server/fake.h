/*
 * A pool on a loop of its own, between an asker that writes down what it is told
 * and a PostgreSQL of which the test plays every byte.
 *
 *     client <-- socketpair --> asker --> pool --> server <-- TCP --> peer
 */
#ifndef PGWEIR_TESTS_SERVER_FAKE_H
#define PGWEIR_TESTS_SERVER_FAKE_H

#include "config/load.h"
#include "proxy/turns.h"
#include "wire/bytes.h"

#include "base/ensure.h"
#include "server/pool.h"
#include "wire/frame.h"
#include "wire/write.h"

#include <netinet/in.h>

/* Whole messages of a server. */
#define READY BYTES("Z\0\0\0\5I")
#define LOGGED_IN                                                              \
	BYTES("R\0\0\0\10\0\0\0\0S\0\0\0\12a\0bcd\0K\0\0\0\14\0\0\0\1\0\0\0\2Z\0\0\0\5I")

struct fake_asker {
	struct asker asker; /* first */
	struct conn conn; /* the client's */
	int client; /* its other end */
	char events[256]; /* a letter for each call, see below */
	int event_count;
	bool gives_back; /* inside on_lent */
	struct server *server; /* of on_lent */
};

struct fake {
	struct turns turns;
	struct config *config;
	struct stats *stats;
	struct topology *topology;
	struct quotas *quotas;
	struct statements statements;
	struct pools pools;
	struct pool *pool;
	int listener;
	int failed_nodes, retries, wishes, sent;
	struct server *sent_server;
};

static inline void note(struct fake_asker *a, char event)
{
	ensure(a->event_count < (int)sizeof a->events - 1);
	a->events[a->event_count++] = event;
	a->events[a->event_count] = '\0';
}

static inline void expect_events(struct fake_asker *a, const char *events)
{
	assert_string_equal(a->events, events);
	a->event_count = 0;
	a->events[0] = '\0';
}

/* --- what an asker is told: L lent, R refused, N refused since the node failed,
 * d f s a request was done, failed, skipped, B batch failed, O own error,
 * I T E ready, C c wants COPY data, or not, P parameter, r room, X lost --- */

static inline void asker_lent(struct asker *a, struct server *s)
{
	struct fake_asker *f = (struct fake_asker *)a;

	note(f, 'L');
	f->server = s;
	if (f->gives_back)
		pool_give_back(s, false);
}

static inline void asker_refused(struct asker *a, const struct error *e, bool node_failed)
{
	(void)e;
	note((struct fake_asker *)a, node_failed ? 'N' : 'R');
}

static inline void asker_request_end(struct asker *a, struct server *s, struct request *r,
				     enum request_outcome outcome)
{
	(void)s, (void)r;
	note((struct fake_asker *)a, "dfs"[outcome]);
}

static inline void asker_batch_failed(struct asker *a, struct server *s)
{
	(void)s;
	note((struct fake_asker *)a, 'B');
}

static inline bool asker_own_error(struct asker *a, struct server *s, const struct request *r,
				   struct error_fields *fields)
{
	(void)s, (void)fields;
	note((struct fake_asker *)a, 'O');
	return r->purpose != 0;
}

static inline void asker_own_row(struct asker *a, struct server *s, const struct request *r,
				 struct span row)
{
	(void)s, (void)r, (void)row;
	note((struct fake_asker *)a, 'D');
}

static inline struct span asker_name_of(struct asker *a, const struct statement *st)
{
	(void)a, (void)st;
	return span_of("clients");
}

static inline void asker_ready(struct asker *a, struct server *s, char status,
			       enum answer_plan plan)
{
	(void)s, (void)plan;
	note((struct fake_asker *)a, status);
}

static inline void asker_copy_in(struct asker *a, struct server *s, bool wants)
{
	(void)s;
	note((struct fake_asker *)a, wants ? 'C' : 'c');
}

static inline void asker_parameter(struct asker *a, struct span name, struct span value)
{
	(void)name, (void)value;
	note((struct fake_asker *)a, 'P');
}

static inline void asker_room(struct asker *a, struct server *s)
{
	(void)s;
	note((struct fake_asker *)a, 'r');
}

static inline void asker_lost(struct asker *a, struct server *s, const struct error *e)
{
	(void)s, (void)e;
	note((struct fake_asker *)a, 'X');
}

static const struct asker_ops fake_asker_ops = {
	.on_lent = asker_lent,
	.on_refused = asker_refused,
	.on_request_end = asker_request_end,
	.on_batch_failed = asker_batch_failed,
	.on_own_error = asker_own_error,
	.on_own_row = asker_own_row,
	.name_of = asker_name_of,
	.on_ready = asker_ready,
	.on_copy_in = asker_copy_in,
	.on_parameter = asker_parameter,
	.on_room = asker_room,
	.on_lost = asker_lost,
};

static inline size_t client_bytes(struct conn *c, struct span bytes)
{
	(void)c;
	return bytes.size;
}

static inline void client_room(struct conn *c)
{
	struct fake_asker *a = (struct fake_asker *)((char *)c - offsetof(struct fake_asker, conn));

	if (a->asker.server)
		conn_release(&a->asker.server->conn);
}

static inline void client_lost(struct conn *c, int error)
{
	(void)error;
	conn_close(c);
}

static inline void client_buried(struct conn *c)
{
	(void)c;
}

static const struct conn_ops client_ops = { .on_bytes = client_bytes,
					    .on_room = client_room,
					    .on_lost = client_lost,
					    .on_buried = client_buried };

static inline void asker_begin(struct fake_asker *a, struct fake *f)
{
	int ours;

	*a = (struct fake_asker){ .asker.ops = &fake_asker_ops };
	make_pair(&ours, &a->client);
	a->asker.conn = &a->conn;
	conn_open(&a->conn, &f->turns.conns, ours, &client_ops);
}

static inline void asker_end(struct fake_asker *a)
{
	conn_close(&a->conn);
	close(a->client);
}

/* --- the surroundings --- */

static inline void fake_node_failed(void *context, int node, const char *reason)
{
	(void)node, (void)reason;
	((struct fake *)context)->failed_nodes++;
}

static inline void fake_send_server(void *context, int worker, struct server *s)
{
	struct fake *f = context;

	assert_int_equal(worker, 1);
	f->sent++;
	f->sent_server = s;
}

static inline void fake_send_wish(void *context, int worker, const struct pool *pool)
{
	(void)worker, (void)pool;
	((struct fake *)context)->wishes++;
}

static inline void fake_send_retry(void *context, int worker)
{
	(void)worker;
	((struct fake *)context)->retries++;
}

static inline void fake_cancelled_ended(void *context, struct server *s)
{
	(void)context, (void)s;
}

static inline void fake_turn_end(void *context)
{
	pools_end_turn(&((struct fake *)context)->pools);
}

static inline void listen_for_pool(struct fake *f)
{
	struct node *node = &f->topology->nodes[0];
	struct sockaddr_in *in = (struct sockaddr_in *)&node->address;
	socklen_t size = sizeof *in;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)in, sizeof *in), 0);
	assert_int_equal(listen(f->listener, 64), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)in, &size), 0);
	node->address_size = sizeof *in;
	node->is_up = true;
	node->role = NODE_ROLE_PRIMARY;
	node->weight = 1;
}

static inline void fake_begin(struct fake *f, const char *options)
{
	char text[400];

	snprintf(text, sizeof text, LEAST "[pool]\n%s\n", options);
	*f = (struct fake){ .config = load_good(text), .stats = stats_create(10) };
	turns_begin(&f->turns);
	f->turns.at_end = fake_turn_end;
	f->turns.context = f;
	f->topology = topology_create(1);
	listen_for_pool(f);
	f->quotas = quotas_create(2);
	statements_init(&f->statements, 7);
	f->pools = (struct pools){ .conns = &f->turns.conns,
				   .config = f->config,
				   .stats = f->stats,
				   .statements = &f->statements,
				   .quotas = f->quotas,
				   .worker_count = 2,
				   .topology = topology_hold(f->topology),
				   .context = f,
				   .on_node_failed = fake_node_failed,
				   .send_server = fake_send_server,
				   .send_wish = fake_send_wish,
				   .send_retry = fake_send_retry,
				   .on_cancelled_ended = fake_cancelled_ended };
	pools_init(&f->pools);
	f->pool = pools_find(&f->pools, 0, "app", "bob");
}

static inline void fake_end(struct fake *f)
{
	pools_close(&f->pools);
	on_turn_end(&f->turns);
	assert_int_equal(f->pools.open_count, 0);
	assert_int_equal(quota_open(f->pool->quota), 0);
	pools_finish(&f->pools);
	statements_finish(&f->statements);
	turns_end(&f->turns);
	quotas_destroy(f->quotas);
	topology_drop(f->topology);
	stats_destroy(f->stats);
	config_drop(f->config);
	close(f->listener);
}

/* --- the peer: PostgreSQL, byte by byte --- */

static inline int accept_one(struct fake *f)
{
	int fd = -1;

	turn_until(&f->turns, (fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0);
	return fd;
}

/* What came at `fd`, once it is `size` bytes or more. */
static inline struct buf hear(struct fake *f, int fd, size_t size)
{
	uint64_t until_us = loop_now_us() + 10 * 1000 * 1000;
	struct buf heard = { 0 };
	char bytes[65536];

	while (heard.filled < size && loop_now_us() < until_us) {
		ssize_t count = read(fd, bytes, sizeof bytes);

		if (count > 0)
			buf_append(&heard, bytes, (size_t)count);
		else if (count == 0)
			break;
		else
			turn(&f->turns);
	}
	return heard;
}

/* Exactly these bytes and nothing else. */
static inline void expect_heard(struct fake *f, int fd, struct span wanted)
{
	struct buf heard = hear(f, fd, wanted.size);
	char byte;

	assert_int_equal(heard.filled, wanted.size);
	if (wanted.size)
		assert_memory_equal(heard.data, wanted.data, wanted.size);
	buf_finish(&heard);
	turn_some(&f->turns);
	assert_int_equal(read(fd, &byte, 1), -1);
}

static inline void skip_heard(struct fake *f, int fd, size_t size)
{
	struct buf heard = hear(f, fd, size);

	assert_int_equal(heard.filled, size);
	buf_finish(&heard);
}

static inline void say(int fd, struct span bytes)
{
	assert_int_equal(write(fd, bytes.data, bytes.size), bytes.size);
}

enum { STARTUP_BYTES = 8 + 5 + 4 + 9 + 4 + 1 };

/* The peer of a connection that is logged in. */
static inline int log_in(struct fake *f)
{
	int fd = accept_one(f);
	struct buf heard = hear(f, fd, STARTUP_BYTES);

	assert_in_range(heard.filled, STARTUP_BYTES, 200);
	buf_finish(&heard);
	say(fd, LOGGED_IN);
	return fd;
}

/* The asker has a connection; its peer. */
static inline int lend_first(struct fake *f, struct fake_asker *a)
{
	int fd;

	assert_int_equal(pool_lend(f->pool, &a->asker), POOL_WAIT);
	fd = log_in(f);
	turn_until(&f->turns, a->asker.server);
	expect_events(a, "L");
	return fd;
}

/* Asks with a message of the asker's, without a statement. */
static inline void ask(struct fake_asker *a, enum request_kind kind, enum answer_plan plan)
{
	server_ask(a->server, &(struct request){ .kind = kind, .plan = plan, .asker = &a->asker });
}

#endif
