/*
 * A server connection (server.h): its states, its queue, what it knows.  How
 * bytes come back is relay.c, how it logs in is login.c, who gets it is pool.c.
 * Runs on the worker's thread.
 */
#include "server/server.h"

#include "base/ensure.h"
#include "base/log.h"
#include "server/login.h"
#include "server/pool.h"
#include "server/relay.h"
#include "wire/extended.h"
#include "wire/frame.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_QUEUE = 8 };

#define CAN(state) (1u << (state))

static const struct {
	const char *word;
	unsigned next; /* the states that may follow */
} states[SERVER_STATE_COUNT] = {
	[SERVER_CONNECTING] = { "connecting", CAN(SERVER_LOGIN) | CAN(SERVER_CLOSED) },
	[SERVER_LOGIN] = { "login", CAN(SERVER_IDLE) | CAN(SERVER_CLOSED) },
	[SERVER_IDLE] = { "idle", CAN(SERVER_PINGING) | CAN(SERVER_LENT) | CAN(SERVER_CLOSED) },
	[SERVER_PINGING] = { "pinging", CAN(SERVER_IDLE) | CAN(SERVER_CLOSED) },
	[SERVER_LENT] = { "lent",
			  CAN(SERVER_IDLE) | CAN(SERVER_RESETTING) | CAN(SERVER_CLOSED) },
	[SERVER_RESETTING] = { "resetting", CAN(SERVER_IDLE) | CAN(SERVER_CLOSED) },
	[SERVER_CLOSED] = { "closed", 0 },
};

const char *server_state_word(enum server_state state)
{
	return states[state].word;
}

void server_set_state(struct server *s, enum server_state state)
{
	enum server_state before = s->state;

	ensure(states[before].next & CAN(state));
	s->state = state;
	pool_move_lists(s, before);
}

/* --- the socket --- */

static size_t on_bytes(struct conn *c, struct span bytes)
{
	struct server *s = (struct server *)c;

	if (s->state == SERVER_LOGIN)
		return login_bytes(s, bytes);
	return relay_bytes(s, bytes);
}

static void on_connected(struct conn *c)
{
	struct server *s = (struct server *)c;

	server_set_state(s, SERVER_LOGIN);
	login_begin(s);
}

static void on_room(struct conn *c)
{
	struct server *s = (struct server *)c;

	if (s->asker)
		s->asker->ops->on_room(s->asker, s);
}

static void on_lost(struct conn *c, int error)
{
	struct server *s = (struct server *)c;
	char message[256];
	const char *what = s->state == SERVER_CONNECTING ? "could not connect to server"
							  : "connection to server was lost";

	snprintf(message, sizeof message, "%s: %s", what,
		 error ? strerror(error) : "server closed the connection unexpectedly");
	server_fail(s, &(struct error){ "ERROR", "08006", message, NULL, NULL });
}

static void on_buried(struct conn *c)
{
	struct server *s = (struct server *)c;

	login_destroy(s->login);
	server_forget_all(s);
	settings_drop(s->settings);
	buf_finish(&s->greeting);
	free(s->queue);
	free(s);
}

static const struct conn_ops server_conn_ops = {
	.on_bytes = on_bytes,
	.on_connected = on_connected,
	.on_room = on_room,
	.on_lost = on_lost,
	.on_buried = on_buried,
};

struct server *server_create(struct pool *pool, int *error)
{
	const struct node *node = &pool->pools->topology->nodes[pool->node];
	struct server *s = memory_get_zeroed(sizeof *s);

	s->pool = pool;
	s->status = 'I';
	*error = conn_connect(&s->conn, pool->pools->conns, &node->address, node->address_size,
			      &server_conn_ops);
	if (*error) {
		free(s);
		return NULL;
	}
	return s;
}

/* --- the queue of outstanding requests --- */

static struct request *request_at(struct server *s, unsigned i)
{
	return &s->queue[(s->queue_head + i) % s->queue_capacity];
}

static void grow_queue(struct server *s)
{
	unsigned capacity = s->queue_capacity ? s->queue_capacity * 2 : FIRST_QUEUE;
	struct request *queue = memory_get(capacity * sizeof *queue);

	for (unsigned i = 0; i < s->queue_count; i++)
		queue[i] = *request_at(s, i);
	free(s->queue);
	s->queue = queue;
	s->queue_head = 0;
	s->queue_capacity = capacity;
}

void server_ask(struct server *s, const struct request *r)
{
	struct request *place;

	if (s->queue_count == s->queue_capacity)
		grow_queue(s);
	place = request_at(s, s->queue_count++);
	*place = *r;
	statement_hold(place->statement);
	place->epoch = statements_epoch(s->pool->pools->statements);
	s->unnamed_due += r->is_unnamed;
	s->is_unnamed_of_batch |= r->is_unnamed;
	if (r->kind == REQUEST_SYNC)
		s->is_unnamed_of_batch = false;
	if (place->query)
		known_query_hold(place->query);
	if (r->plan == ANSWER_LOCAL && s->queue_count == 1 && !s->passing)
		relay_give_local(s);
}

/* Its Close did not happen. */
static void know_again(struct server *s, struct known_statement *k)
{
	struct known_statement *there;

	HASH_FIND(hh, s->known, &k->id, sizeof k->id, there);
	if (there)
		free(k);
	else
		HASH_ADD(hh, s->known, id, sizeof k->id, k);
}

/* The server does not know what it would know had the request succeeded. */
static void take_back(struct server *s, const struct request *r)
{
	if (r->kind == REQUEST_PARSE && r->is_learnt)
		server_forget(s, r->statement->id);
	if (r->closes)
		know_again(s, r->closes);
	if (r->is_unnamed)
		s->unnamed = (struct statement_id){ 0 };
}

struct substitute *substitute_create(const char *expected_sqlstate, const struct error *e)
{
	struct substitute *s = memory_get_zeroed(sizeof *s);

	snprintf(s->sqlstate, sizeof s->sqlstate, "%s", expected_sqlstate);
	s->error = (struct error){
		.sqlstate = e->sqlstate ? memory_copy_text(e->sqlstate) : NULL,
		.message = e->message ? memory_copy_text(e->message) : NULL,
		.detail = e->detail ? memory_copy_text(e->detail) : NULL,
		.hint = e->hint ? memory_copy_text(e->hint) : NULL,
	};
	return s;
}

void substitute_destroy(struct substitute *s)
{
	if (!s)
		return;
	free((char *)s->error.sqlstate);
	free((char *)s->error.message);
	free((char *)s->error.detail);
	free((char *)s->error.hint);
	free(s);
}

static void end_request(struct server *s, struct request r, enum request_outcome outcome)
{
	s->unnamed_due -= r.is_unnamed;
	if (outcome != REQUEST_DONE)
		take_back(s, &r);
	else
		free(r.closes);
	if (r.asker)
		r.asker->ops->on_request_end(r.asker, s, &r, outcome);
	statement_drop(r.statement);
	substitute_destroy(r.substitute);
	if (r.query)
		known_query_drop(r.query);
}

void server_pop(struct server *s, enum request_outcome outcome)
{
	struct request head = *server_head(s);

	s->queue_head = (s->queue_head + 1) % s->queue_capacity;
	s->queue_count--;
	end_request(s, head, outcome);
}

static unsigned find_sync(struct server *s)
{
	unsigned i = 0;

	while (i < s->queue_count && request_at(s, i)->kind != REQUEST_SYNC)
		i++;
	return i;
}

bool server_skip_to_sync(struct server *s)
{
	unsigned sync = find_sync(s);
	bool found = sync < s->queue_count;

	for (unsigned i = sync; i > 0; i--)
		end_request(s, *request_at(s, i - 1), i == 1 ? REQUEST_FAILED : REQUEST_SKIPPED);
	s->queue_head = (s->queue_head + sync) % s->queue_capacity;
	s->queue_count -= sync;
	return found;
}

/* PostgreSQL ignores Sync and Flush while it reads COPY data ("for the
 * convenience of client libraries"): those behind the Execute get no answer. */
void server_drop_syncs(struct server *s)
{
	unsigned kept = 1;

	for (unsigned i = 1; i < s->queue_count; i++) {
		struct request r = *request_at(s, i);

		if (r.kind == REQUEST_SYNC)
			end_request(s, r, REQUEST_SKIPPED);
		else
			*request_at(s, kept++) = r;
	}
	s->queue_count = kept;
}

static void end_all_requests(struct server *s)
{
	while (s->queue_count > 0) {
		s->queue_count--;
		end_request(s, *request_at(s, s->queue_count), REQUEST_SKIPPED);
	}
}

/* --- what it knows --- */

static struct known_statement *find_known(const struct server *s, struct statement_id id)
{
	struct known_statement *k;

	HASH_FIND(hh, s->known, &id, sizeof id, k);
	return k;
}

enum knowledge server_knows(struct server *s, const struct statement *st, uint64_t epoch)
{
	struct known_statement *k = find_known(s, st->id);

	if (!k)
		return KNOWS_NOT;
	/* uthash keeps the order of insertion: the newest use is the last. */
	HASH_DEL(s->known, k);
	HASH_ADD(hh, s->known, id, sizeof k->id, k);
	return k->epoch < epoch ? KNOWS_OLD : KNOWS;
}

void server_doubt(struct server *s, const struct statement *st)
{
	struct known_statement *k = find_known(s, st->id);

	if (k)
		k->epoch = 0;
}

static void close_known(struct server *s, struct known_statement *k, struct asker *a)
{
	named_message_write(conn_out(&s->conn), CLIENT_CLOSE, 'S', span_of(k->name));
	conn_sent(&s->conn);
	HASH_DEL(s->known, k);
	server_ask(s, &(struct request){ .kind = REQUEST_CLOSE,
					 .plan = ANSWER_DROP,
					 .asker = a,
					 .closes = k });
}

void server_unlearn(struct server *s, const struct statement *st, struct asker *a)
{
	struct known_statement *k = find_known(s, st->id);

	if (k)
		close_known(s, k, a);
}

void server_doubt_all(struct server *s)
{
	for (struct known_statement *k = s->known; k; k = k->hh.next)
		k->epoch = 0;
}

void server_learn(struct server *s, const struct statement *st, struct asker *a)
{
	unsigned limit = (unsigned)s->pool->pools->config->pool_max_prepared;
	struct known_statement *k;

	while (s->known && HASH_COUNT(s->known) >= (limit ? limit : 1))
		close_known(s, s->known, a);
	k = memory_get_zeroed(sizeof *k);
	k->id = st->id;
	k->epoch = statements_epoch(st->owner);
	memcpy(k->name, st->name, sizeof k->name);
	HASH_ADD(hh, s->known, id, sizeof k->id, k);
}

void server_forget(struct server *s, struct statement_id id)
{
	struct known_statement *k = find_known(s, id);

	if (!k)
		return;
	HASH_DEL(s->known, k);
	free(k);
}

void server_forget_all(struct server *s)
{
	struct known_statement *k, *next;

	HASH_ITER(hh, s->known, k, next) {
		HASH_DEL(s->known, k);
		free(k);
	}
	s->unnamed = (struct statement_id){ 0 };
}

void server_note_parameter(struct server *s, struct span name, struct span value)
{
	struct span left = buf_waiting(&s->greeting);
	struct buf changed = { 0 };
	struct frame f;

	while (frame_next(FRAME_FROM_SERVER, left, &f) == FRAME_WHOLE) {
		struct reader r = reader_of(f.body);

		if (!span_equal(read_text(&r), name))
			buf_append(&changed, left.data, f.size);
		left = span_after(left, f.size);
	}
	if (name.size + value.size < CONN_READ_BYTES - changed.filled)
		write_parameter_status(&changed, name, value);
	buf_finish(&s->greeting);
	s->greeting = changed;
}

/* --- its end --- */

bool server_is_clean(const struct server *s)
{
	return s->queue_count == 0 && s->status == 'I' && !s->is_copying_in && s->passing == 0 &&
	       !s->is_tainted && !s->has_unread && !conn_has_left_over(&s->conn);
}

static void end(struct server *s, const struct error *e)
{
	struct asker *a = s->asker;

	server_set_state(s, SERVER_CLOSED);
	end_all_requests(s); /* the askers see by the state that these are lost */
	s->asker = NULL;
	if (a)
		a->server = NULL;
	conn_close(&s->conn);
	if (a && e)
		a->ops->on_lost(a, s, e);
	pool_server_ended(s, e);
}

void server_fail(struct server *s, const struct error *e)
{
	if (s->state == SERVER_CLOSED)
		return;
	log_warning("server %s, database \"%s\", user \"%s\" (%s): %s",
		    s->pool->pools->topology->nodes[s->pool->node].name, s->pool->database,
		    s->pool->user, server_state_word(s->state), e->message);
	end(s, e);
}

void server_close(struct server *s, const char *reason)
{
	if (s->state == SERVER_CLOSED)
		return;
	log_debug("server connection to %s closed: %s",
		  s->pool->pools->topology->nodes[s->pool->node].name, reason);
	end(s, NULL);
}
