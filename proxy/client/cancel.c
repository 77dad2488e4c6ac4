/*
 * CancelRequests: a key → its session → the server that works for it → a short
 * connection that carries the request.  The server is not lent to anybody else
 * until that connection was closed by the other side, so that a late cancel
 * cannot hit the next client's query.  At most one is under way to each server:
 * what comes meanwhile is remembered as one more.
 */
#include "client/query.h"

#include "base/ensure.h"
#include "base/log.h"
#include "wire/startup.h"

#include <stdlib.h>
#include <utlist.h>

enum { CANCEL_TIMEOUT_US = 5 * 1000 * 1000 };

struct cancel {
	struct conn conn; /* first */
	struct cancel *prev, *next;
	struct sessions *sessions;
	struct server *server; /* NULL: it was closed meanwhile */
	uint64_t again; /* the key of who asked once more meanwhile; 0: nobody */
	uint64_t deadline_us;
};

static struct session *find_session(struct sessions *all, uint64_t key)
{
	struct session *s;

	HASH_FIND(hh, all->by_key, &key, sizeof key, s);
	return s;
}

/* Something of the client's runs: a request of our own is not its to cancel. */
static bool is_cancellable(const struct session *s)
{
	bool may_run = s->state == SESSION_LINKED || s->state == SESSION_REPLICATION;
	const struct request *head = may_run ? server_head(s->asker.server) : NULL;

	return (head && !head->purpose) || s->state == SESSION_SETTING_UP;
}

/* The one that has ended may have come too late for the query before this one. */
static void ask_again(struct cancel *c, struct server *server)
{
	struct session *s = c->again ? find_session(c->sessions, c->again) : NULL;

	if (s && s->asker.server == server && is_cancellable(s))
		cancel_send(c->sessions, server);
}

static void end(struct cancel *c)
{
	struct server *server = c->server;

	if (c->conn.is_closed)
		return;
	DL_DELETE(c->sessions->cancels, c);
	conn_close(&c->conn);
	c->server = NULL;
	if (!server)
		return;
	ask_again(c, server);
	pool_cancel_ended(server);
}

static size_t on_bytes(struct conn *conn, struct span bytes)
{
	(void)conn;
	return bytes.size; /* the server has nothing to say here */
}

static void on_connected(struct conn *conn)
{
	(void)conn; /* the request is in the queue already */
}

static void on_room(struct conn *conn)
{
	(void)conn;
}

static void on_lost(struct conn *conn, int error)
{
	(void)error;
	end((struct cancel *)conn);
}

static void on_buried(struct conn *conn)
{
	free(conn);
}

static const struct conn_ops cancel_conn_ops = {
	.on_bytes = on_bytes,
	.on_connected = on_connected,
	.on_room = on_room,
	.on_lost = on_lost,
	.on_buried = on_buried,
};

static struct cancel *find_under_way(struct sessions *all, const struct server *server)
{
	struct cancel *c;

	DL_FOREACH(all->cancels, c) {
		if (c->server == server)
			return c;
	}
	return NULL;
}

void cancel_send(struct sessions *all, struct server *server)
{
	const struct node *node = &all->router->topology->nodes[server->pool->node];
	struct cancel *c = memory_get_zeroed(sizeof *c);

	if (conn_connect(&c->conn, all->conns, &node->address, node->address_size,
			 &cancel_conn_ops) != 0) {
		free(c);
		return; /* as when it comes too late: the query goes on */
	}
	c->sessions = all;
	c->server = server;
	c->deadline_us = loop_now_us() + CANCEL_TIMEOUT_US;
	server->cancels++;
	startup_write_cancel(conn_out(&c->conn), server->process, server->secret);
	conn_sent(&c->conn);
	DL_APPEND(all->cancels, c);
}

void cancel_forget_server(struct sessions *all, struct server *server)
{
	struct cancel *c;

	DL_FOREACH(all->cancels, c) {
		if (c->server == server)
			c->server = NULL;
	}
}

void sessions_cancel(struct sessions *all, uint64_t key)
{
	struct session *s = find_session(all, key);
	struct cancel *under_way;

	if (!s)
		return;
	if (s->state == SESSION_WAITING) {
		pool_leave_queue(&s->asker);
		query_refuse_cancelled(s);
		return;
	}
	/* Nothing of the client's has been sent, but what was sent for it may take long. */
	if (s->state == SESSION_SETTING_UP)
		s->is_cancelled = true;
	if (!is_cancellable(s))
		return;
	under_way = find_under_way(all, s->asker.server);
	if (under_way)
		under_way->again = key;
	else
		cancel_send(all, s->asker.server);
}

void cancels_tick(struct sessions *all, uint64_t now_us)
{
	struct cancel *c, *next;

	DL_FOREACH_SAFE(all->cancels, c, next) {
		if (now_us < c->deadline_us)
			continue;
		/* The server may read the request at any time from now on: nobody
		 * else may have this connection. */
		if (c->server)
			c->server->is_tainted = true;
		c->again = 0;
		end(c);
	}
}

void cancels_close(struct sessions *all)
{
	while (all->cancels)
		end(all->cancels);
}
