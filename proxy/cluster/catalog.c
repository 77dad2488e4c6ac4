/*
 * Reads each wanted database's catalogue when it is due and hands out what
 * survey.c makes of it.  It does not interpret it.  Control thread.
 *
 * A look is: connect to the primary (to a replica while there is none: their
 * catalogues are equal), the opening, one question, close.  The connection is kept only
 * while another look follows soon, so that a thousand databases do not hold a
 * thousand connections.  At most LOOKS_AT_ONCE run; the rest wait.
 *
 * DDL asks for two looks: one soon, and one a little later, because the DDL may
 * be seen before its transaction commits.  Looks after DDL are spaced by their
 * own cost, so that a storm of DDL costs the primary a fifth of a core at most.
 *
 * Invariants: `running` counts the catalogues that are; a catalogue is running,
 * or waiting, or has its timer set.
 */
#include "cluster/catalog.h"

#include "base/ensure.h"
#include "base/log.h"
#include "cluster/asker.h"
#include "cluster/survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <uthash.h>

enum {
	DATABASES_AT_MOST = 1000,
	LOOKS_AT_ONCE = 4,
	LOOK_TIMEOUT_MS = 30000,
	SOON_MS = 100, /* after DDL was seen */
	LATER_MS = 1000, /* and once more */
	LOOKS_AFTER_DDL = 2,
	COST_FACTOR = 4, /* pause between such looks, in looks */
	RETRY_MS = 1000, /* after a failure, doubled each time up to... */
	RETRY_LONGEST_MS = 60000,
};

struct catalog {
	struct catalogs *catalogs;
	char *database;
	struct asker *asker;
	struct loop_timer timer; /* the next look */
	int64_t due_us; /* when; 0: not set */
	bool is_running; /* a look is under way */
	bool is_waiting; /* for its turn, or for a node that is up */
	bool is_opening; /* and its connection is new: no question yet */
	bool is_demanded; /* the look under way follows DDL */
	int looks; /* demanded by DDL, still to begin */
	int node; /* asked, or connected to; -1 */
	int64_t began_us;
	int cost_ms; /* of the last look */
	int failures; /* in a row */
	struct volatility *known; /* held; what was published last, or NULL */
	struct survey_digest digest; /* of it */
	UT_hash_handle hh;
};

struct catalogs {
	struct loop *loop;
	on_catalog *on_change;
	void *context;
	struct topology *topology; /* held; NULL at first */
	struct catalog *table; /* by database */
	int running;
	bool is_full_logged;
	uint64_t generation; /* of the newest snapshot */
	uint64_t seed;
	int interval_ms;
	char *user, *password, *tls_ca;
	char *harmless; /* names joined by commas, as survey.c wants them */
	char **harmless_names;
	int harmless_count;
	struct asker_login login;
};

static void look(struct catalog *c);

static int64_t now_us(void)
{
	return (int64_t)loop_now_us();
}

/* ---- when ---- */

static void look_in(struct catalog *c, int after_ms)
{
	int64_t due_us = now_us() + (int64_t)after_ms * 1000;

	if (c->due_us && c->due_us <= due_us)
		return;
	c->due_us = due_us;
	loop_timer_start(c->catalogs->loop, &c->timer, (uint64_t)after_ms, 0);
}

static void on_due(struct loop_timer *timer)
{
	look((struct catalog *)((char *)timer - offsetof(struct catalog, timer)));
}

static int at_least(int value, int least)
{
	return value < least ? least : value;
}

static void plan_next_look(struct catalog *c)
{
	int pause = COST_FACTOR * c->cost_ms;

	if (c->looks == 0)
		look_in(c, c->catalogs->interval_ms);
	else
		look_in(c, at_least(pause, c->looks == LOOKS_AFTER_DDL ? SOON_MS : LATER_MS));
}

static void plan_retry(struct catalog *c)
{
	int pause = RETRY_MS << (c->failures < 7 ? c->failures - 1 : 6);

	look_in(c, pause < RETRY_LONGEST_MS ? pause : RETRY_LONGEST_MS);
}

static void start_waiting_looks(struct catalogs *catalogs)
{
	struct catalog *c, *next;

	HASH_ITER(hh, catalogs->table, c, next)
		if (c->is_waiting)
			look(c);
}

/* ---- a look ---- */

/* The primary, or any replica that is up; -1: nobody can be asked. */
static int choose_node(const struct topology *t)
{
	if (!t)
		return -1;
	if (t->primary >= 0)
		return t->primary;
	for (int i = 0; i < t->node_count; i++)
		if (t->nodes[i].is_up && t->nodes[i].role == NODE_ROLE_REPLICA)
			return i;
	return -1;
}

static void ask(struct catalog *c)
{
	const struct node *node = &c->catalogs->topology->nodes[c->node];
	const char *values[] = { c->catalogs->harmless };
	struct asker_place place = { .host = node->host,
				     .port = node->port,
				     .address = &node->address,
				     .address_size = node->address_size,
				     .database = c->database };

	c->is_opening = !asker_is_connected(c->asker);
	if (c->is_opening)
		asker_ask(c->asker, &place, survey_opening(), 0, NULL, LOOK_TIMEOUT_MS);
	else
		asker_ask(c->asker, &place, survey_question(), 1, values, LOOK_TIMEOUT_MS);
}

static void look(struct catalog *c)
{
	struct catalogs *catalogs = c->catalogs;
	int node = choose_node(catalogs->topology);

	ensure(!c->is_running);
	loop_timer_stop(catalogs->loop, &c->timer);
	c->due_us = 0;
	/* Busy without a look: about to tell that its connection was lost. */
	c->is_waiting = node < 0 || catalogs->running >= LOOKS_AT_ONCE || asker_is_busy(c->asker);
	if (c->is_waiting)
		return;
	if (c->node != node)
		asker_close(c->asker);
	c->node = node;
	c->began_us = now_us();
	c->is_demanded = c->looks > 0;
	if (c->looks > 0)
		c->looks--;
	c->is_running = true;
	catalogs->running++;
	ask(c);
}

/* Takes the snapshot. */
static void publish(struct catalog *c, struct volatility *v)
{
	struct catalogs *catalogs = c->catalogs;

	for (int i = 0; i < catalogs->harmless_count; i++)
		volatility_allow_function(v, catalogs->harmless_names[i]);
	volatility_drop(c->known);
	c->known = v;
	catalogs->on_change(catalogs->context, v);
}

static void note_failure(struct catalog *c, const char *reason)
{
	if (c->failures++ == 0)
		log_warning("could not read the catalogue of database \"%s\" on %s: %s",
			    c->database, c->catalogs->topology->nodes[c->node].name, reason);
	/* The looks that DDL demanded are still owed. */
	if (c->is_demanded && c->looks < LOOKS_AFTER_DDL)
		c->looks++;
	asker_close(c->asker);
	plan_retry(c);
}

static void note_rows(struct catalog *c, const PGresult *rows)
{
	struct survey_digest digest = survey_digest(rows, c->catalogs->seed);
	bool is_same = c->known && digest.low == c->digest.low && digest.high == c->digest.high;
	struct volatility *v = NULL;

	/* After DDL there is always a new snapshot, whoever waits for one; once.  Else
	 * an equal one would only make the workers judge everything again. */
	if (!is_same || (c->is_demanded && c->looks == LOOKS_AFTER_DDL - 1)) {
		v = survey_read(rows, c->database, c->catalogs->generation + 1);
		if (!v) {
			note_failure(c, "the answer makes no sense");
			return;
		}
		if (c->known)
			start_paths_keep(volatility_start_paths(v),
					 volatility_start_paths(c->known));
		c->catalogs->generation++;
	}
	if (c->failures || !c->known)
		log_info("read the catalogue of database \"%s\": %d rows, %d ms", c->database,
			 PQntuples(rows), c->cost_ms);
	c->failures = 0;
	c->digest = digest;
	plan_next_look(c);
	if (v)
		publish(c, v);
}

static void on_look_answer(void *context, const struct asker_answer *answer)
{
	struct catalog *c = context;

	/* A kept connection that is lost is opened anew by the next look. */
	if (!answer->was_asked) {
		if (c->is_waiting)
			look(c);
		return;
	}
	if (c->is_opening && answer->outcome == ASKER_ROWS) {
		ask(c);
		return;
	}
	c->is_running = false;
	c->catalogs->running--;
	c->cost_ms = (int)((now_us() - c->began_us) / 1000);
	if (answer->outcome == ASKER_ROWS)
		note_rows(c, answer->rows);
	else
		note_failure(c, answer->reason);
	if (c->looks == 0 && !c->is_running)
		asker_close(c->asker);
	start_waiting_looks(c->catalogs);
}

/* ---- what the owner calls ---- */

static struct catalog *find(struct catalogs *catalogs, const char *database)
{
	struct catalog *c;

	HASH_FIND_STR(catalogs->table, database, c);
	return c;
}

void catalogs_want(struct catalogs *catalogs, const char *database)
{
	struct catalog *c = find(catalogs, database);

	if (c)
		return;
	if (HASH_COUNT(catalogs->table) >= DATABASES_AT_MOST) {
		if (!catalogs->is_full_logged)
			log_warning("more than %d databases: reads of the others stay on the "
				    "primary", DATABASES_AT_MOST);
		catalogs->is_full_logged = true;
		return;
	}
	c = memory_get_zeroed(sizeof(*c));
	c->catalogs = catalogs;
	c->database = memory_copy_text(database);
	c->node = -1;
	c->asker = asker_create(catalogs->loop, &catalogs->login, on_look_answer, c);
	loop_timer_init(&c->timer, on_due);
	HASH_ADD_KEYPTR(hh, catalogs->table, c->database, strlen(c->database), c);
	look(c);
}

void catalogs_changed(struct catalogs *catalogs, const char *database)
{
	struct catalog *c = find(catalogs, database);

	if (!c)
		return;
	c->looks = LOOKS_AFTER_DDL;
	/* A look that runs or waits plans the next one when it ends; one that
	 * failed is tried again in its own time. */
	if (!c->is_running && !c->is_waiting && c->failures == 0)
		plan_next_look(c);
}

/* A node that is gone will not answer; there is no point in the deadline. */
static void leave_lost_nodes(struct catalogs *catalogs)
{
	struct catalog *c, *next;

	HASH_ITER(hh, catalogs->table, c, next) {
		if (c->node < 0 || (c->node < catalogs->topology->node_count &&
				    catalogs->topology->nodes[c->node].is_up))
			continue;
		if (c->is_running) {
			c->is_running = false;
			catalogs->running--;
			c->is_waiting = true;
			if (c->is_demanded && c->looks < LOOKS_AFTER_DDL)
				c->looks++;
		}
		asker_close(c->asker);
		c->node = -1;
	}
}

void catalogs_set_topology(struct catalogs *catalogs, struct topology *topology)
{
	struct topology *old = catalogs->topology;

	catalogs->topology = topology_hold(topology);
	topology_drop(old);
	leave_lost_nodes(catalogs);
	start_waiting_looks(catalogs);
}

/* ---- life ---- */

static void copy_harmless(struct catalogs *catalogs, const struct config *config)
{
	size_t size = 1;
	char *end;

	catalogs->harmless_count = config->harmless_function_count;
	catalogs->harmless_names = memory_get_zeroed(
		(size_t)catalogs->harmless_count * sizeof(*catalogs->harmless_names) + 1);
	for (int i = 0; i < catalogs->harmless_count; i++) {
		catalogs->harmless_names[i] = memory_copy_text(config->harmless_functions[i]);
		size += strlen(config->harmless_functions[i]) + 1;
	}
	end = catalogs->harmless = memory_get_zeroed(size);
	for (int i = 0; i < catalogs->harmless_count; i++) {
		if (i > 0)
			*end++ = ',';
		end = stpcpy(end, catalogs->harmless_names[i]);
	}
}

struct catalogs *catalogs_create(struct loop *loop, const struct config *config,
				 const char *password, on_catalog *on_change, void *context)
{
	struct catalogs *catalogs = memory_get_zeroed(sizeof(*catalogs));

	catalogs->loop = loop;
	catalogs->on_change = on_change;
	catalogs->context = context;
	/* Grows over reloads too, without a global counter. */
	catalogs->generation = loop_now_us();
	ensure(getrandom(&catalogs->seed, sizeof(catalogs->seed), 0) == sizeof(catalogs->seed));
	catalogs->interval_ms = config->cluster_catalog_interval_ms;
	catalogs->user = memory_copy_text(config->cluster_probe_user);
	catalogs->password = password ? memory_copy_text(password) : NULL;
	catalogs->tls_ca = memory_copy_text(config->tls_server_ca);
	catalogs->login = (struct asker_login){
		.user = catalogs->user, .password = catalogs->password,
		.application = "pgweir catalogue",
		.settings = "-c jit=off -c statement_timeout=30000",
		.tls = config->tls_server_mode, .tls_ca = catalogs->tls_ca };
	copy_harmless(catalogs, config);
	return catalogs;
}

static void catalog_destroy(struct catalog *c)
{
	loop_timer_stop(c->catalogs->loop, &c->timer);
	asker_destroy(c->asker);
	volatility_drop(c->known);
	free(c->database);
	free(c);
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void catalogs_destroy(struct catalogs *catalogs)
{
	struct catalog *c, *next;

	if (!catalogs)
		return;
	HASH_ITER(hh, catalogs->table, c, next) {
		HASH_DELETE(hh, catalogs->table, c);
		catalog_destroy(c);
	}
	topology_drop(catalogs->topology);
	for (int i = 0; i < catalogs->harmless_count; i++)
		free(catalogs->harmless_names[i]);
	free(catalogs->harmless_names);
	free(catalogs->harmless);
	wipe(catalogs->password);
	free(catalogs->user);
	free(catalogs->tls_ca);
	free(catalogs);
}
