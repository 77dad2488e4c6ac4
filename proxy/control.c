/*
 * The control thread (control.h).  Everything it does with workers goes by
 * letter, both ways; its own state is touched by its own loop only.
 */
#include "control.h"

#include "base/ensure.h"
#include "base/log.h"
#include "cluster/catalog.h"
#include "cluster/probe.h"
#include "inbox.h"
#include "route/router.h"
#include "watch/http.h"
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { WORKERS_AUTO_MAX = 16, DRAIN_LOOK_MS = 50 };

struct control {
	struct config *config;
	struct loop loop;
	struct inbox inbox;
	struct listeners *listeners; /* NULL: closed, it drains */
	struct loop_signal on_term, on_int, on_hup;
	struct loop_timer drain; /* runs while it drains */
	uint64_t drain_until_us;
	struct probes *probes;
	struct catalogs *catalogs;
	struct topology *topology; /* held */
	_Atomic uint64_t epoch; /* of the schema: struct statements */
	struct quotas *quotas;
	struct http *http; /* NULL: off */
	struct worker *workers[QUOTA_MAX_WORKERS];
	int clients[QUOTA_MAX_WORKERS]; /* of each worker */
	int worker_count, client_count;
	struct stats_copy *collected; /* NULL: nothing is being collected */
	int answers_due;
	bool is_running; /* the workers run */
	int status; /* exit status */
};

/* --- letters from workers --- */

struct control_letter {
	struct letter letter; /* first */
	int number;
	uint64_t key;
	char *text; /* owned */
	struct stats_copy *copy;
};

static struct control_letter *new_letter(void (*deliver)(struct letter *letter, void *owner))
{
	struct control_letter *l = memory_get_zeroed(sizeof *l);

	l->letter.deliver = deliver;
	return l;
}

#define DELIVERY(name)                                                         \
	static void deliver_##name(struct letter *letter, void *owner)         \
	{                                                                      \
		struct control_letter *l = (struct control_letter *)letter;    \
                                                                               \
		name(owner, l);                                                \
		free(l->text);                                                 \
		free(l);                                                       \
	}

static void take_client_gone(struct control *c, struct control_letter *l)
{
	c->clients[l->number]--;
	c->client_count--;
}
DELIVERY(take_client_gone)

static void on_client_gone(void *context, int worker)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_client_gone);

	l->number = worker;
	inbox_post(&c->inbox, &l->letter);
}

static void take_node_failed(struct control *c, struct control_letter *l)
{
	if (c->probes)
		probes_report_failure(c->probes, l->number, l->text);
}
DELIVERY(take_node_failed)

static void on_node_failed(void *context, int node, const char *reason)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_node_failed);

	l->number = node;
	l->text = memory_copy_text(reason);
	inbox_post(&c->inbox, &l->letter);
}

static void take_cancel(struct control *c, struct control_letter *l)
{
	for (int i = 0; c->is_running && i < c->worker_count; i++)
		worker_cancel(c->workers[i], l->key);
}
DELIVERY(take_cancel)

static void on_cancel(void *context, uint64_t key)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_cancel);

	l->key = key;
	inbox_post(&c->inbox, &l->letter);
}

static void take_database(struct control *c, struct control_letter *l)
{
	if (c->catalogs)
		catalogs_want(c->catalogs, l->text);
}
DELIVERY(take_database)

static void on_database(void *context, const char *database)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_database);

	l->text = memory_copy_text(database);
	inbox_post(&c->inbox, &l->letter);
}

static void take_schema_change(struct control *c, struct control_letter *l)
{
	if (c->catalogs)
		catalogs_changed(c->catalogs, l->text);
}
DELIVERY(take_schema_change)

static void on_schema_change(void *context, const char *database)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_schema_change);

	l->text = memory_copy_text(database);
	inbox_post(&c->inbox, &l->letter);
}

static void take_stats(struct control *c, struct control_letter *l)
{
	if (c->collected)
		stats_copy_merge(c->collected, l->copy);
	else
		c->collected = l->copy;
	if (--c->answers_due > 0)
		return;
	if (c->http)
		http_answer(c->http, c->collected);
	else
		stats_copy_destroy(c->collected);
	c->collected = NULL;
}
DELIVERY(take_stats)

static void on_stats(void *context, struct stats_copy *copy)
{
	struct control *c = context;
	struct control_letter *l = new_letter(deliver_take_stats);

	l->copy = copy;
	inbox_post(&c->inbox, &l->letter);
}

/* --- facts for the workers --- */

static void on_new_topology(void *context, struct topology *topology)
{
	struct control *c = context;

	topology_hold(topology);
	topology_drop(c->topology);
	c->topology = topology;
	if (c->catalogs)
		catalogs_set_topology(c->catalogs, topology);
	for (int i = 0; c->is_running && i < c->worker_count; i++)
		worker_tell_topology(c->workers[i], topology);
}

static void on_new_catalog(void *context, struct volatility *volatility)
{
	struct control *c = context;

	for (int i = 0; c->is_running && i < c->worker_count; i++)
		worker_tell_catalog(c->workers[i], volatility);
}

/* --- clients --- */

static int find_emptiest(const struct control *c)
{
	int best = 0;

	for (int i = 1; i < c->worker_count; i++) {
		if (c->clients[i] < c->clients[best])
			best = i;
	}
	return best;
}

static void on_new_client(void *context, int fd)
{
	struct control *c = context;
	int worker = find_emptiest(c);
	bool is_one_too_many = c->client_count >= c->config->proxy_max_clients;

	/* So many may be told that they are too many; the others are not even that. */
	if (c->client_count >= c->config->proxy_max_clients + 1000) {
		close(fd);
		return;
	}
	c->clients[worker]++;
	c->client_count++;
	worker_give_client(c->workers[worker], fd, is_one_too_many);
}

/* --- what HTTP asks --- */

static void collect(void *context, int client_limit)
{
	struct control *c = context;

	c->answers_due += c->worker_count;
	for (int i = 0; i < c->worker_count; i++)
		worker_ask_stats(c->workers[i], client_limit);
}

static void describe_node(const struct node *from, struct http_node *to)
{
	*to = (struct http_node){
		.role = node_role_word(from->role),
		.is_up = from->is_up,
		.lag_ms = from->lag_ms,
		.fresh_ms_ago = -1,
	};
	snprintf(to->name, sizeof to->name, "%s", from->name);
	snprintf(to->down_reason, sizeof to->down_reason, "%s", from->down_reason);
	if (from->role == NODE_ROLE_PRIMARY && from->is_up)
		to->fresh_ms_ago = 0;
	else if (from->fresh_us > 0)
		to->fresh_ms_ago = ((int64_t)loop_now_us() - from->fresh_us) / 1000;
}

static int list_nodes(void *context, struct http_node *nodes, int room)
{
	struct control *c = context;
	int count = c->topology->node_count < room ? c->topology->node_count : room;

	for (int i = 0; i < count; i++)
		describe_node(&c->topology->nodes[i], &nodes[i]);
	return count;
}

static bool is_ready(void *context)
{
	struct control *c = context;

	if (!c->listeners)
		return false;
	for (int i = 0; i < c->topology->node_count; i++) {
		if (c->topology->nodes[i].is_up)
			return true;
	}
	return false;
}

static bool open_http(struct control *c)
{
	struct http_asks asks = {
		.context = c,
		.collect = collect,
		.nodes = list_nodes,
		.is_ready = is_ready,
		.route_words = route_words(),
		.started_us = loop_now_us(),
	};
	char error[256];

	if (c->config->stats.port == 0)
		return true;
	c->http = http_create(&c->loop, &c->config->stats, &asks, error, sizeof error);
	if (!c->http)
		log_error("could not serve statistics: %s", error);
	return c->http != NULL;
}

/* --- the end --- */

static void stop(struct control *c)
{
	loop_stop(&c->loop);
}

static void on_drain_look(struct loop_timer *timer)
{
	struct control *c = (struct control *)((char *)timer - offsetof(struct control, drain));

	if (c->client_count > 0 && loop_now_us() < c->drain_until_us)
		return;
	if (c->client_count > 0)
		log_warning("closing %d clients that are still in a transaction", c->client_count);
	stop(c);
}

static void on_sigterm(struct loop_signal *signal, int number)
{
	struct control *c = (struct control *)((char *)signal - offsetof(struct control, on_term));

	(void)number;
	if (!c->listeners)
		return;
	log_info("received SIGTERM: waiting for open transactions");
	listeners_close(c->listeners);
	c->listeners = NULL;
	for (int i = 0; i < c->worker_count; i++)
		worker_drain(c->workers[i]);
	c->drain_until_us =
		loop_now_us() + (uint64_t)c->config->proxy_drain_timeout_ms * 1000;
	loop_timer_start(&c->loop, &c->drain, DRAIN_LOOK_MS, DRAIN_LOOK_MS);
}

static void on_sigint(struct loop_signal *signal, int number)
{
	struct control *c = (struct control *)((char *)signal - offsetof(struct control, on_int));

	(void)number;
	log_info("received SIGINT: stopping now");
	stop(c);
}

static void on_sighup(struct loop_signal *signal, int number)
{
	(void)signal, (void)number;
	log_warning("received SIGHUP: reloading is not part of this version; nothing was changed");
}

/* --- the beginning --- */

static int count_workers(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (config->worker_count > 0)
		return config->worker_count;
	if (cores < 1)
		return 1;
	return cores < WORKERS_AUTO_MAX ? (int)cores : WORKERS_AUTO_MAX;
}

static void start_workers(struct control *c, struct credentials *users)
{
	struct worker_events events = {
		.context = c,
		.on_client_gone = on_client_gone,
		.on_node_failed = on_node_failed,
		.on_cancel = on_cancel,
		.on_database = on_database,
		.on_schema_change = on_schema_change,
		.on_stats = on_stats,
	};
	struct worker_parts parts = {
		.config = c->config,
		.users = users,
		.topology = c->topology,
		.quotas = c->quotas,
		.epoch = &c->epoch,
		.peers = c->workers,
	};

	ensure(getrandom(&parts.statement_seed, sizeof parts.statement_seed, 0) ==
	       sizeof parts.statement_seed);
	atomic_init(&c->epoch, 1);
	parts.count = c->worker_count;
	for (parts.number = 0; parts.number < parts.count; parts.number++)
		c->workers[parts.number] = worker_create(&parts, &events);
	for (int i = 0; i < c->worker_count; i++)
		worker_start(c->workers[i]);
	c->is_running = true;
}

static void stop_workers(struct control *c)
{
	for (int i = 0; i < c->worker_count; i++)
		worker_stop(c->workers[i]);
	for (int i = 0; i < c->worker_count; i++)
		worker_join(c->workers[i]);
	c->is_running = false;
	for (int i = 0; i < c->worker_count; i++)
		worker_empty(c->workers[i]);
	for (int i = 0; i < c->worker_count; i++)
		worker_destroy(c->workers[i]);
}

static const char *probe_password(const struct config *config, const struct credentials *users)
{
	const struct credential *found;

	if (config->url_user && strcmp(config->url_user, config->cluster_probe_user) == 0)
		return config->url_password;
	found = credentials_find(users, span_of(config->cluster_probe_user));
	if (found && found->kind == SECRET_PASSWORD)
		return found->password;
	log_warning("no clear password of probe_user \"%s\" in users_file: "
		    "probes log in without one",
		    config->cluster_probe_user);
	return NULL;
}

static void start_cluster(struct control *c, const struct credentials *users)
{
	const char *password = probe_password(c->config, users);

	c->topology = topology_create(c->config->node_count);
	c->probes = probes_create(&c->loop, c->config, password, on_new_topology, c);
	on_new_topology(c, probes_topology(c->probes));
	c->catalogs = catalogs_create(&c->loop, c->config, password, on_new_catalog, c);
	catalogs_want(c->catalogs, c->config->cluster_probe_database);
}

static void start_signals(struct control *c)
{
	signal(SIGPIPE, SIG_IGN);
	loop_signal_start(&c->loop, &c->on_term, SIGTERM, on_sigterm);
	loop_signal_start(&c->loop, &c->on_int, SIGINT, on_sigint);
	loop_signal_start(&c->loop, &c->on_hup, SIGHUP, on_sighup);
	loop_timer_init(&c->drain, on_drain_look);
}

static void finish(struct control *c)
{
	if (c->listeners)
		listeners_close(c->listeners);
	c->listeners = NULL;
	catalogs_destroy(c->catalogs);
	probes_destroy(c->probes);
	c->catalogs = NULL;
	c->probes = NULL;
	stop_workers(c);
	inbox_finish(&c->inbox);
	if (c->http)
		http_destroy(c->http);
	if (c->collected)
		stats_copy_destroy(c->collected);
	loop_timer_stop(&c->loop, &c->drain);
	loop_signal_stop(&c->loop, &c->on_term);
	loop_signal_stop(&c->loop, &c->on_int);
	loop_signal_stop(&c->loop, &c->on_hup);
	quotas_destroy(c->quotas);
	topology_drop(c->topology);
	loop_finish(&c->loop);
}

int control_run(struct config *config, struct credentials *users, struct listeners *listeners)
{
	struct control c = { .config = config, .listeners = listeners };

	loop_init(&c.loop, NULL, NULL);
	inbox_init(&c.inbox, &c.loop, &c);
	start_signals(&c);
	c.worker_count = count_workers(config);
	c.quotas = quotas_create(c.worker_count);
	start_cluster(&c, users);
	start_workers(&c, users);
	if (open_http(&c)) {
		listeners_start(c.listeners, &c.loop, on_new_client, &c);
		log_info("pgweir %s is ready: %d workers, %d nodes", PGWEIR_VERSION, c.worker_count,
			 config->node_count);
		loop_run(&c.loop);
	} else {
		c.status = 1;
	}
	finish(&c);
	log_info("pgweir has stopped");
	return c.status;
}
