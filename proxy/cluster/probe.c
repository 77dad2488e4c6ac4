/*
 * Asks the nodes at the right times and publishes what census.c makes of the
 * answers.  It does not judge them.  Control thread.
 *
 * Each node has a prober with one persistent connection.  All are asked every
 * probe_interval_ms, and when somebody hurries, but not closer than
 * sample_interval_ms.  A replica that had not reached the primary's newest
 * sample is asked a few times more, so that its freshness is not an interval
 * old.  A lost connection is news, not yet a verdict: the node is down when a
 * fresh connection fails too, or when an answer does not come in time.
 *
 * Invariants: one question per node at a time; fresh connections to a node are
 * at least OPEN_EVERY_MS apart, and after failures at least probe_interval_ms.
 */
#include "cluster/probe.h"

#include "base/ensure.h"
#include "base/log.h"
#include "cluster/asker.h"
#include "cluster/census.h"
#include "cluster/question.h"
#include "cluster/resolver.h"

#include <stdlib.h>
#include <string.h>

enum {
	OPEN_EVERY_MS = 100, /* connection attempts to one node: 10 a second at most */
	BACKOFF_MS = 1000, /* longest pause between attempts, unless the interval is longer */
	CHASES = 3, /* extra questions per round to a replica that is behind */
	COALESCE_MS = 2, /* answers of one round become one snapshot */
	TRUST_MS = 1000, /* after a report that proved wrong, others are not believed... */
	TRUST_LONGEST_MS = 32000, /* ...for twice as long each time */
};

struct prober {
	struct probes *probes;
	int node;
	char *host;
	int port;
	struct asker *asker;
	struct loop_timer timer; /* ask again then; while resolving: its deadline */
	struct resolved resolved; /* where it can be reached, as far as known */
	int next_address; /* of resolved, to be tried */
	bool is_resolving;
	bool wants_again; /* asked for while a question was under way */
	bool is_chasing; /* the timer is set for an extra question */
	bool is_reported; /* down by a worker's word, not yet seen by ourselves */
	int chases; /* left in this round */
	int failures; /* in a row */
	int64_t asked_us;
	int64_t open_us; /* no fresh connection before */
	int64_t trusted_until_us; /* no report is believed before */
	int trust_ms;
};

struct probes {
	struct loop *loop;
	on_topology *on_change;
	void *context;
	struct census *census;
	struct topology *published;
	struct resolver *resolver;
	struct loop_timer round, hurry, publish;
	bool is_publish_due;
	bool is_hurry_due;
	int64_t round_us; /* when the last round began */
	int interval_ms, timeout_ms, sample_ms;
	char *database, *user, *password, *tls_ca, *settings;
	int count;
	struct prober *probers;
};

static void ask(struct prober *p);

static int64_t now_us(void)
{
	return (int64_t)loop_now_us();
}

/* ---- publishing ---- */

static void log_changes(const struct topology *old, const struct topology *new)
{
	for (int i = 0; i < new->node_count; i++) {
		const struct node *was = &old->nodes[i], *is = &new->nodes[i];

		if (is->is_up && (!was->is_up || was->role != is->role))
			log_info("node %s is up: %s, timeline %u", is->name,
				 node_role_word(is->role), is->timeline);
		else if (!is->is_up && (was->is_up || strcmp(was->down_reason, is->down_reason)))
			log_warning("node %s is down: %s", is->name, is->down_reason);
	}
	if (new->primary != old->primary && new->primary < 0)
		log_warning("there is no primary");
	else if (new->primary != old->primary)
		log_info("the primary is %s", new->nodes[new->primary].name);
}

static bool is_changed(const struct topology *a, const struct topology *b)
{
	return a->primary != b->primary ||
	       memcmp(a->nodes, b->nodes, (size_t)a->node_count * sizeof(a->nodes[0])) != 0;
}

/* Would anybody decide otherwise, apart from freshness? */
static bool is_urgent(const struct topology *a, const struct topology *b)
{
	if (a->primary != b->primary)
		return true;
	for (int i = 0; i < a->node_count; i++)
		if (a->nodes[i].is_up != b->nodes[i].is_up || a->nodes[i].role != b->nodes[i].role)
			return true;
	return false;
}

static void publish(struct probes *probes)
{
	struct topology *old = probes->published;
	const struct topology *now = census_topology(probes->census);

	probes->is_publish_due = false;
	loop_timer_stop(probes->loop, &probes->publish);
	if (!is_changed(now, old))
		return;
	probes->published = topology_copy(now);
	probes->published->generation = old->generation + 1;
	log_changes(old, probes->published);
	probes->on_change(probes->context, probes->published);
	topology_drop(old);
}

static void publish_soon(struct probes *probes)
{
	if (is_urgent(census_topology(probes->census), probes->published)) {
		publish(probes);
	} else if (!probes->is_publish_due) {
		probes->is_publish_due = true;
		loop_timer_start(probes->loop, &probes->publish, COALESCE_MS, 0);
	}
}

static void on_publish(struct loop_timer *timer)
{
	publish((struct probes *)((char *)timer - offsetof(struct probes, publish)));
}

/* ---- one node's answer ---- */

/* The pause before the next attempt: the interval, doubled up to BACKOFF_MS. */
static int64_t backoff_us(const struct prober *p)
{
	int64_t shortest = p->probes->interval_ms > OPEN_EVERY_MS ? p->probes->interval_ms
								  : OPEN_EVERY_MS;
	int64_t longest = shortest > BACKOFF_MS ? shortest : BACKOFF_MS;
	int64_t pause = shortest << (p->failures < 8 ? p->failures - 1 : 7);

	return (pause < longest ? pause : longest) * 1000;
}

/* We have seen it ourselves: the node cannot be used. */
static void note_failure(struct prober *p, const char *reason)
{
	p->is_reported = false;
	p->trust_ms = 0;
	p->failures++;
	p->open_us = now_us() + backoff_us(p);
	census_note_failure(p->probes->census, p->node, reason);
	publish_soon(p->probes);
	ask(p);
}

/* A worker's report was wrong, or is over: reports become believable again
 * only later, so that a node does not flap for ever. */
static void doubt_reports(struct prober *p)
{
	p->is_reported = false;
	p->trust_ms = p->trust_ms ? 2 * p->trust_ms : TRUST_MS;
	if (p->trust_ms > TRUST_LONGEST_MS)
		p->trust_ms = TRUST_LONGEST_MS;
	p->trusted_until_us = now_us() + (int64_t)p->trust_ms * 1000;
}

/* The newest sample may be news for replicas that answered before it. */
static void chase(struct probes *probes)
{
	for (int i = 0; i < probes->count; i++) {
		struct prober *p = &probes->probers[i];

		if (p->chases == 0 || p->is_chasing || asker_is_busy(p->asker) ||
		    !asker_is_connected(p->asker) || !census_is_behind(probes->census, i))
			continue;
		p->chases--;
		p->is_chasing = true;
		loop_timer_start(probes->loop, &p->timer, (uint64_t)probes->sample_ms, 0);
	}
}

static void note_answer(struct prober *p, const PGresult *rows)
{
	struct census_answer answer;

	if (!question_read(rows, &answer)) {
		note_failure(p, "the answer of the probe makes no sense");
		return;
	}
	p->failures = 0;
	if (census_note_answer(p->probes->census, p->node, &answer, p->asked_us, now_us()) ==
	    CENSUS_UNSURE) {
		ask(p);
		return;
	}
	if (p->is_reported)
		doubt_reports(p);
	publish_soon(p->probes);
	chase(p->probes);
	if (p->wants_again)
		ask(p);
}

/* ---- asking ---- */

static void connect_and_ask(struct prober *p)
{
	const struct sockaddr_storage *address = &p->resolved.addresses[p->next_address];
	socklen_t size = p->resolved.sizes[p->next_address];
	struct asker_place place = { .host = p->host, .port = p->port, .address = address,
				     .address_size = size, .database = p->probes->database };

	census_note_address(p->probes->census, p->node, address, size);
	p->open_us = now_us() + OPEN_EVERY_MS * 1000;
	p->asked_us = now_us();
	p->wants_again = false;
	asker_ask(p->asker, &place, question_text(), 0, NULL, p->probes->timeout_ms);
}

static void note_loss(struct prober *p, const struct asker_answer *answer)
{
	if (!answer->was_fresh && !answer->is_timeout) {
		ask(p);
	} else if (!answer->is_timeout && p->next_address + 1 < p->resolved.count) {
		p->next_address++;
		connect_and_ask(p);
	} else {
		p->next_address = p->next_address + 1 < p->resolved.count ? p->next_address + 1 : 0;
		note_failure(p, answer->reason);
	}
}

static void on_node_answer(void *context, const struct asker_answer *answer)
{
	struct prober *p = context;

	switch (answer->outcome) {
	case ASKER_ROWS:
		note_answer(p, answer->rows);
		break;
	case ASKER_REFUSED:
		note_failure(p, answer->reason);
		break;
	case ASKER_LOST:
		note_loss(p, answer);
		break;
	}
}

static void start_connecting(struct prober *p)
{
	struct probes *probes = p->probes;
	struct resolved resolved;

	if (resolver_knows(p->host, p->port, &resolved)) {
		p->resolved = resolved;
		if (p->next_address >= resolved.count)
			p->next_address = 0;
		if (resolved.count)
			connect_and_ask(p);
		else
			note_failure(p, resolved.reason);
		return;
	}
	p->is_resolving = true;
	resolver_ask(probes->resolver, p->node, p->host, p->port);
	loop_timer_start(probes->loop, &p->timer, (uint64_t)probes->timeout_ms, 0);
}

/* Now if that is possible, else as soon as it is. */
static void ask(struct prober *p)
{
	int64_t wait_us = p->open_us - now_us();

	if (asker_is_busy(p->asker) || p->is_resolving) {
		p->wants_again = true;
		return;
	}
	loop_timer_stop(p->probes->loop, &p->timer);
	p->is_chasing = false;
	if (asker_is_connected(p->asker)) {
		p->asked_us = now_us();
		p->wants_again = false;
		asker_ask(p->asker, NULL, question_text(), 0, NULL, p->probes->timeout_ms);
	} else if (wait_us > 0) {
		loop_timer_start(p->probes->loop, &p->timer, (uint64_t)wait_us / 1000 + 1, 0);
	} else {
		start_connecting(p);
	}
}

static void on_name_resolved(void *context, int tag, const struct resolved *resolved)
{
	struct probes *probes = context;
	struct prober *p = &probes->probers[tag];

	p->is_resolving = false;
	loop_timer_stop(probes->loop, &p->timer);
	if (resolved->count)
		p->resolved = *resolved;
	if (p->next_address >= p->resolved.count)
		p->next_address = 0;
	if (asker_is_busy(p->asker) || asker_is_connected(p->asker))
		return;
	/* A name server that fails does not take known nodes away. */
	if (p->resolved.count)
		connect_and_ask(p);
	else
		note_failure(p, resolved->reason);
}

static void on_prober_time(struct loop_timer *timer)
{
	struct prober *p = (struct prober *)((char *)timer - offsetof(struct prober, timer));

	if (!p->is_resolving) {
		ask(p);
	} else if (p->resolved.count && !asker_is_busy(p->asker)) {
		connect_and_ask(p);
	} else {
		/* The look-up goes on; its answer is heard whenever it comes. */
		census_note_failure(p->probes->census, p->node,
				    "could not resolve the name: no answer in time");
		publish_soon(p->probes);
	}
}

/* ---- rounds ---- */

static void start_round(struct probes *probes)
{
	probes->round_us = now_us();
	probes->is_hurry_due = false;
	loop_timer_stop(probes->loop, &probes->hurry);
	for (int i = 0; i < probes->count; i++) {
		probes->probers[i].chases = CHASES;
		ask(&probes->probers[i]);
	}
}

static void on_round(struct loop_timer *timer)
{
	start_round((struct probes *)((char *)timer - offsetof(struct probes, round)));
}

static void on_hurry(struct loop_timer *timer)
{
	start_round((struct probes *)((char *)timer - offsetof(struct probes, hurry)));
}

void probes_hurry(struct probes *probes)
{
	int64_t wait_us = probes->round_us + (int64_t)probes->sample_ms * 1000 - now_us();

	if (probes->is_hurry_due)
		return;
	probes->is_hurry_due = true;
	loop_timer_start(probes->loop, &probes->hurry,
			 wait_us > 0 ? (uint64_t)wait_us / 1000 + 1 : 0, 0);
}

void probes_report_failure(struct probes *probes, int node, const char *reason)
{
	struct prober *p;

	ensure(node >= 0 && node < probes->count);
	p = &probes->probers[node];
	if (!probes->published->nodes[node].is_up)
		return;
	if (now_us() < p->trusted_until_us) {
		ask(p);
		return;
	}
	/* The last doubt is long over. */
	if (now_us() - p->trusted_until_us > (int64_t)TRUST_LONGEST_MS * 1000)
		p->trust_ms = 0;
	p->is_reported = true;
	asker_close(p->asker);
	census_note_failure(probes->census, node, reason);
	ask(p);
	publish(probes);
}

struct topology *probes_topology(struct probes *probes)
{
	return probes->published;
}

/* ---- life ---- */

static void prober_init(struct probes *probes, int node, const struct config_node *from,
			const struct asker_login *login)
{
	struct prober *p = &probes->probers[node];

	p->probes = probes;
	p->node = node;
	p->host = memory_copy_text(from->host);
	p->port = from->port;
	p->asker = asker_create(probes->loop, login, on_node_answer, p);
	loop_timer_init(&p->timer, on_prober_time);
}

static void copy_config(struct probes *probes, const struct config *config, const char *password)
{
	char settings[128];

	/* The server gives up when we do. */
	snprintf(settings, sizeof(settings),
		 "-c search_path=pg_catalog -c jit=off -c statement_timeout=%d",
		 config->cluster_probe_timeout_ms);
	probes->interval_ms = config->cluster_probe_interval_ms;
	probes->timeout_ms = config->cluster_probe_timeout_ms;
	probes->sample_ms = config->cluster_sample_interval_ms;
	probes->database = memory_copy_text(config->cluster_probe_database);
	probes->user = memory_copy_text(config->cluster_probe_user);
	probes->password = password ? memory_copy_text(password) : NULL;
	probes->tls_ca = memory_copy_text(config->tls_server_ca);
	probes->settings = memory_copy_text(settings);
}

struct probes *probes_create(struct loop *loop, const struct config *config, const char *password,
			     on_topology *on_change, void *context)
{
	struct probes *probes = memory_get_zeroed(sizeof(*probes));
	struct asker_login login;

	probes->loop = loop;
	probes->on_change = on_change;
	probes->context = context;
	copy_config(probes, config, password);
	login = (struct asker_login){ .user = probes->user, .password = probes->password,
				      .application = "pgweir probe", .settings = probes->settings,
				      .tls = config->tls_server_mode, .tls_ca = probes->tls_ca };
	probes->census = census_create(config);
	probes->published = topology_copy(census_topology(probes->census));
	probes->resolver = resolver_create(loop, on_name_resolved, probes);
	probes->count = config->node_count;
	probes->probers = memory_get_zeroed((size_t)probes->count * sizeof(*probes->probers) + 1);
	for (int i = 0; i < probes->count; i++)
		prober_init(probes, i, &config->nodes[i], &login);
	loop_timer_init(&probes->round, on_round);
	loop_timer_init(&probes->hurry, on_hurry);
	loop_timer_init(&probes->publish, on_publish);
	loop_timer_start(loop, &probes->round, 0, (uint64_t)probes->interval_ms);
	return probes;
}

static void prober_finish(struct prober *p)
{
	loop_timer_stop(p->probes->loop, &p->timer);
	asker_destroy(p->asker);
	free(p->host);
}

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}

void probes_destroy(struct probes *probes)
{
	if (!probes)
		return;
	loop_timer_stop(probes->loop, &probes->round);
	loop_timer_stop(probes->loop, &probes->hurry);
	loop_timer_stop(probes->loop, &probes->publish);
	resolver_destroy(probes->resolver);
	for (int i = 0; i < probes->count; i++)
		prober_finish(&probes->probers[i]);
	free(probes->probers);
	topology_drop(probes->published);
	census_destroy(probes->census);
	wipe(probes->password);
	free(probes->database);
	free(probes->user);
	free(probes->tls_ca);
	free(probes->settings);
	free(probes);
}
