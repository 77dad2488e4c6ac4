/*
 * A worker (worker.h): puts sessions, router, pools and caches of one thread
 * together and connects them with the other threads.  Decides nothing itself.
 */
#include "worker.h"

#include "base/ensure.h"
#include "base/log.h"
#include "client/session.h"
#include "conn.h"
#include "inbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	TICK_MS = 100,
	/* libpg_query descends a statement recursively; what it is given was bounded
	 * for this much (sql/classify.c), whatever "ulimit -s" says. */
	STACK_BYTES = 8 * 1024 * 1024,
};

struct worker {
	struct worker_parts parts;
	struct worker_events events;
	pthread_t thread;
	struct loop loop;
	struct loop_timer tick;
	struct conns conns;
	struct inbox inbox;
	struct stats *stats;
	struct verdicts *verdicts;
	struct router router;
	struct pools pools;
	struct sessions sessions;
	bool is_stopped;
};

/* Every letter of a worker: one struct, the fields it needs filled in. */
struct worker_letter {
	struct letter letter; /* first */
	int fd, number, node, client_limit;
	bool is_one_too_many;
	uint64_t key;
	struct topology *topology;
	struct volatility *volatility;
	struct server *server;
	char *database, *user; /* owned */
};

static struct worker_letter *new_letter(void (*deliver)(struct letter *letter, void *owner))
{
	struct worker_letter *l = memory_get_zeroed(sizeof *l);

	l->letter.deliver = deliver;
	return l;
}

/* Defines deliver_NAME, which calls NAME and frees the letter. */
#define DELIVERY(name)                                                         \
	static void deliver_##name(struct letter *letter, void *owner)         \
	{                                                                      \
		struct worker_letter *l = (struct worker_letter *)letter;      \
                                                                               \
		name(owner, l);                                                \
		free(l->database);                                             \
		free(l->user);                                                 \
		free(l);                                                       \
	}

/* --- the turn --- */

static void on_turn_end(void *context)
{
	struct worker *w = context;

	conns_end_turn(&w->conns);
	pools_end_turn(&w->pools);
}

static void on_tick(struct loop_timer *timer)
{
	struct worker *w = (struct worker *)((char *)timer - offsetof(struct worker, tick));
	uint64_t now = loop_now_us();

	sessions_tick(&w->sessions, now);
	pools_tick(&w->pools, now);
}

/* --- letters from the control thread --- */

static void take_client(struct worker *w, struct worker_letter *l)
{
	session_open(&w->sessions, l->fd, l->is_one_too_many);
}
DELIVERY(take_client)

void worker_give_client(struct worker *w, int fd, bool is_one_too_many)
{
	struct worker_letter *l = new_letter(deliver_take_client);

	l->fd = fd;
	l->is_one_too_many = is_one_too_many;
	inbox_post(&w->inbox, &l->letter);
}

static void take_topology(struct worker *w, struct worker_letter *l)
{
	router_set_topology(&w->router, l->topology);
	pools_set_topology(&w->pools, l->topology);
	sessions_on_topology(&w->sessions);
	topology_drop(l->topology);
}
DELIVERY(take_topology)

void worker_tell_topology(struct worker *w, struct topology *topology)
{
	struct worker_letter *l = new_letter(deliver_take_topology);

	l->topology = topology_hold(topology);
	inbox_post(&w->inbox, &l->letter);
}

static void take_catalog(struct worker *w, struct worker_letter *l)
{
	router_set_catalog(&w->router, l->volatility);
	statements_begin_epoch(&w->sessions.statements);
	volatility_drop(l->volatility);
}
DELIVERY(take_catalog)

void worker_tell_catalog(struct worker *w, struct volatility *volatility)
{
	struct worker_letter *l = new_letter(deliver_take_catalog);

	l->volatility = volatility_hold(volatility);
	inbox_post(&w->inbox, &l->letter);
}

static void take_cancel(struct worker *w, struct worker_letter *l)
{
	sessions_cancel(&w->sessions, l->key);
}
DELIVERY(take_cancel)

void worker_cancel(struct worker *w, uint64_t key)
{
	struct worker_letter *l = new_letter(deliver_take_cancel);

	l->key = key;
	inbox_post(&w->inbox, &l->letter);
}

static void take_stats_question(struct worker *w, struct worker_letter *l)
{
	struct stats_copy *copy = stats_take_copy(w->stats);

	copy->client_limit = l->client_limit;
	pools_report(&w->pools, copy);
	sessions_report(&w->sessions, copy);
	w->events.on_stats(w->events.context, copy);
}
DELIVERY(take_stats_question)

void worker_ask_stats(struct worker *w, int client_limit)
{
	struct worker_letter *l = new_letter(deliver_take_stats_question);

	l->client_limit = client_limit;
	inbox_post(&w->inbox, &l->letter);
}

static void take_drain(struct worker *w, struct worker_letter *l)
{
	(void)l;
	sessions_drain(&w->sessions);
}
DELIVERY(take_drain)

void worker_drain(struct worker *w)
{
	inbox_post(&w->inbox, &new_letter(deliver_take_drain)->letter);
}

static void take_stop(struct worker *w, struct worker_letter *l)
{
	(void)l;
	w->is_stopped = true;
	loop_stop(&w->loop);
}
DELIVERY(take_stop)

void worker_stop(struct worker *w)
{
	inbox_post(&w->inbox, &new_letter(deliver_take_stop)->letter);
}

/* --- letters between workers --- */

static void take_server(struct worker *w, struct worker_letter *l)
{
	pools_adopt(&w->pools, l->server);
}
DELIVERY(take_server)

static void send_server(void *context, int number, struct server *s)
{
	struct worker *w = context;
	struct worker_letter *l = new_letter(deliver_take_server);

	l->server = s;
	inbox_post(&w->parts.peers[number]->inbox, &l->letter);
}

static void take_wish(struct worker *w, struct worker_letter *l)
{
	pools_wish(&w->pools, l->number, l->node, l->database, l->user);
}
DELIVERY(take_wish)

static void send_wish(void *context, int number, const struct pool *pool)
{
	struct worker *w = context;
	struct worker_letter *l = new_letter(deliver_take_wish);

	l->number = w->parts.number;
	l->node = pool->node;
	l->database = memory_copy_text(pool->database);
	l->user = memory_copy_text(pool->user);
	inbox_post(&w->parts.peers[number]->inbox, &l->letter);
}

static void take_retry(struct worker *w, struct worker_letter *l)
{
	(void)l;
	pools_retry(&w->pools);
}
DELIVERY(take_retry)

static void send_retry(void *context, int number)
{
	struct worker *w = context;

	inbox_post(&w->parts.peers[number]->inbox, &new_letter(deliver_take_retry)->letter);
}

/* --- events on their way to the control thread --- */

static void on_node_failed(void *context, int node, const char *reason)
{
	struct worker *w = context;

	w->events.on_node_failed(w->events.context, node, reason);
}

static void on_cancelled_ended(void *context, struct server *s)
{
	struct worker *w = context;

	cancel_forget_server(&w->sessions, s);
}

static void on_cancel(void *context, uint64_t key)
{
	struct worker *w = context;

	w->events.on_cancel(w->events.context, key);
}

static void on_database(void *context, const char *database)
{
	struct worker *w = context;

	w->events.on_database(w->events.context, database);
}

static void on_schema_change(void *context, const char *database)
{
	struct worker *w = context;

	w->events.on_schema_change(w->events.context, database);
}

static void on_session_end(void *context)
{
	struct worker *w = context;

	w->events.on_client_gone(w->events.context, w->parts.number);
}

/* --- its life --- */

static void init_pools(struct worker *w)
{
	w->pools = (struct pools){
		.conns = &w->conns,
		.config = w->parts.config,
		.stats = w->stats,
		.statements = &w->sessions.statements,
		.quotas = w->parts.quotas,
		.worker = w->parts.number,
		.worker_count = w->parts.count,
		.topology = topology_hold(w->parts.topology),
		.context = w,
		.on_node_failed = on_node_failed,
		.on_cancelled_ended = on_cancelled_ended,
		.send_server = send_server,
		.send_wish = send_wish,
		.send_retry = send_retry,
	};
	pools_init(&w->pools);
}

static void init_sessions(struct worker *w)
{
	w->sessions = (struct sessions){
		.conns = &w->conns,
		.config = w->parts.config,
		.stats = w->stats,
		.users = w->parts.users,
		.verdicts = w->verdicts,
		.pools = &w->pools,
		.router = &w->router,
		.context = w,
		.on_cancel = on_cancel,
		.on_database = on_database,
		.on_schema_change = on_schema_change,
		.on_session_end = on_session_end,
	};
	statements_init(&w->sessions.statements, w->parts.statement_seed);
	w->sessions.statements.epoch = w->parts.epoch;
	sessions_init(&w->sessions);
}

struct worker *worker_create(const struct worker_parts *parts, const struct worker_events *events)
{
	struct worker *w = memory_get_zeroed(sizeof *w);
	size_t verdict_bytes = (size_t)parts->config->route_verdict_cache_kb * 1024;

	w->parts = *parts;
	w->events = *events;
	config_hold(parts->config);
	credentials_hold(parts->users);
	topology_hold(parts->topology);
	loop_init(&w->loop, on_turn_end, w);
	conns_init(&w->conns, &w->loop);
	inbox_init(&w->inbox, &w->loop, w);
	w->stats = stats_create(parts->config->stats_max_digests);
	w->verdicts = verdicts_create(verdict_bytes);
	router_init(&w->router, parts->config, w->stats, parts->topology,
		    parts->statement_seed + (uint64_t)parts->number);
	init_pools(w);
	init_sessions(w);
	loop_timer_init(&w->tick, on_tick);
	return w;
}

static void *run(void *argument)
{
	struct worker *w = argument;

	loop_timer_start(&w->loop, &w->tick, TICK_MS, TICK_MS);
	loop_run(&w->loop);
	loop_timer_stop(&w->loop, &w->tick);
	sessions_close(&w->sessions);
	pools_close(&w->pools);
	conns_end_turn(&w->conns);
	return NULL;
}

void worker_start(struct worker *w)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	char name[16];

	ensure(pthread_attr_init(&attributes) == 0);
	ensure(pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0);
	/* Signals are the control thread's: a worker's system calls are not interrupted. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ensure(pthread_create(&w->thread, &attributes, run, w) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	snprintf(name, sizeof name, "worker %d", w->parts.number);
	pthread_setname_np(w->thread, name);
}

void worker_join(struct worker *w)
{
	ensure(pthread_join(w->thread, NULL) == 0);
}

void worker_empty(struct worker *w)
{
	inbox_empty(&w->inbox);
	sessions_close(&w->sessions);
	pools_close(&w->pools);
	conns_end_turn(&w->conns);
}

void worker_destroy(struct worker *w)
{
	inbox_finish(&w->inbox);
	sessions_finish(&w->sessions);
	pools_finish(&w->pools);
	router_finish(&w->router);
	verdicts_destroy(w->verdicts);
	stats_destroy(w->stats);
	conns_finish(&w->conns);
	loop_finish(&w->loop);
	topology_drop(w->parts.topology);
	credentials_drop(w->parts.users);
	config_drop(w->parts.config);
	free(w);
}
