/*
 * Makes the topology from the nodes' answers.  It asks nobody: probe.c does.
 * Control thread.
 *
 * The epoch is what positions can be compared within: one cluster (system
 * identifier), one timeline, one primary.  It stays while the primary is away,
 * so that an outdated primary cannot take its place, and ends when another
 * primary is chosen: then every sample and every freshness ends too.
 *
 * Invariants: at most one node is up with the role of primary, and it is
 * topology->primary; a node is up iff it answers and is not fenced.
 */
#include "cluster/census.h"

#include "base/ensure.h"
#include "cluster/samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of one node besides what everybody may see. */
struct fact {
	bool answers; /* the last question was answered, and its role is sure */
	bool has_role; /* last.is_in_recovery was confirmed by two answers */
	bool has_candidate; /* one answer said otherwise */
	bool candidate_is_in_recovery;
	bool is_follower; /* was seen exactly where the primary of this epoch was */
	char failure[160]; /* !answers: why */
	struct census_answer last;
};

struct epoch {
	uint64_t system_id; /* 0: nothing is known so far */
	uint32_t timeline; /* the newest one that a primary was seen on */
	int primary; /* the last node chosen; -1 */
};

struct census {
	struct topology *topology; /* never published itself, only copies of it */
	struct fact *facts;
	struct epoch epoch;
	struct samples samples;
};

struct census *census_create(const struct config *config)
{
	struct census *c = memory_get_zeroed(sizeof(*c));

	c->topology = topology_create(config->node_count);
	c->facts = memory_get_zeroed((size_t)config->node_count * sizeof(*c->facts) + 1);
	c->epoch.primary = -1;
	for (int i = 0; i < config->node_count; i++) {
		const struct config_node *from = &config->nodes[i];
		struct node *node = &c->topology->nodes[i];

		snprintf(node->name, sizeof(node->name), "%s", from->name);
		snprintf(node->host, sizeof(node->host), "%s", from->host);
		node->port = from->port;
		node->weight = from->weight;
		snprintf(c->facts[i].failure, sizeof(c->facts[i].failure), "not asked so far");
		memcpy(node->down_reason, c->facts[i].failure, sizeof(node->down_reason));
	}
	return c;
}

void census_destroy(struct census *c)
{
	if (!c)
		return;
	topology_drop(c->topology);
	free(c->facts);
	free(c);
}

const struct topology *census_topology(const struct census *c)
{
	return c->topology;
}

void census_note_address(struct census *c, int node, const struct sockaddr_storage *address,
			 socklen_t size)
{
	ensure(size <= sizeof(*address));
	memset(&c->topology->nodes[node].address, 0, sizeof(*address));
	memcpy(&c->topology->nodes[node].address, address, size);
	c->topology->nodes[node].address_size = size;
}

/* ---- who is the primary ---- */

static int count_system(const struct census *c, uint64_t system_id)
{
	int count = 0;

	for (int i = 0; i < c->topology->node_count; i++)
		if (c->facts[i].answers && c->facts[i].last.system_id == system_id)
			count++;
	return count;
}

/* The cluster we serve: the one we have served while any node of it answers,
 * else the one with most nodes.  A wrong address must never take the writes. */
static uint64_t choose_system(const struct census *c)
{
	uint64_t best = c->epoch.system_id;
	int best_count = 0;

	if (c->epoch.timeline && count_system(c, best))
		return best;
	for (int i = 0; i < c->topology->node_count; i++) {
		uint64_t system_id = c->facts[i].last.system_id;
		int count = c->facts[i].answers ? count_system(c, system_id) : 0;

		if (count > best_count) {
			best = system_id;
			best_count = count;
		}
	}
	return best;
}

static bool may_write(const struct census *c, int node)
{
	const struct fact *fact = &c->facts[node];

	return fact->answers && !fact->last.is_in_recovery &&
	       fact->last.system_id == c->epoch.system_id &&
	       fact->last.timeline >= c->epoch.timeline;
}

/* Among nodes that may write: the newest timeline, then the present primary. */
static int choose_primary(const struct census *c)
{
	int best = -1;

	for (int i = 0; i < c->topology->node_count; i++) {
		if (!may_write(c, i))
			continue;
		if (best < 0 || c->facts[i].last.timeline > c->facts[best].last.timeline ||
		    (c->facts[i].last.timeline == c->facts[best].last.timeline &&
		     i == c->epoch.primary))
			best = i;
	}
	return best;
}

static void start_epoch(struct census *c, struct epoch epoch)
{
	c->epoch = epoch;
	samples_drop(&c->samples);
	for (int i = 0; i < c->topology->node_count; i++) {
		c->facts[i].is_follower = false;
		c->topology->nodes[i].fresh_us = 0;
		c->topology->nodes[i].lag_ms = -1;
	}
}

static void fence(struct node *node, const char *reason)
{
	node->role = NODE_ROLE_UNKNOWN;
	node->is_up = false;
	snprintf(node->down_reason, sizeof(node->down_reason), "%s", reason);
}

static void show_node(struct census *c, int i)
{
	const struct fact *fact = &c->facts[i];
	struct node *node = &c->topology->nodes[i];
	char reason[160];

	if (!fact->answers) {
		node->is_up = false;
		memcpy(node->down_reason, fact->failure, sizeof(node->down_reason));
	} else if (fact->last.system_id != c->epoch.system_id) {
		snprintf(reason, sizeof(reason),
			 "belongs to another cluster (system identifier %" PRIu64 ")",
			 fact->last.system_id);
		fence(node, reason);
	} else if (fact->last.is_in_recovery || i == c->topology->primary) {
		node->role = fact->last.is_in_recovery ? NODE_ROLE_REPLICA : NODE_ROLE_PRIMARY;
		node->is_up = true;
		memset(node->down_reason, 0, sizeof(node->down_reason));
	} else if (fact->last.timeline < c->epoch.timeline) {
		fence(node, "another primary has a newer timeline");
	} else {
		fence(node, "another node of the same timeline is the primary");
	}
}

static void judge(struct census *c)
{
	uint64_t system_id = choose_system(c);
	int primary;

	if (system_id != c->epoch.system_id)
		start_epoch(c, (struct epoch){ .system_id = system_id, .primary = -1 });
	primary = choose_primary(c);
	if (primary >= 0 && (primary != c->epoch.primary ||
			     c->facts[primary].last.timeline != c->epoch.timeline))
		start_epoch(c, (struct epoch){ .system_id = system_id, .primary = primary,
					       .timeline = c->facts[primary].last.timeline });
	c->topology->primary = primary;
	for (int i = 0; i < c->topology->node_count; i++)
		show_node(c, i);
}

/* ---- how fresh the replicas are ---- */

static uint64_t newest_sample(const struct census *c)
{
	return c->samples.at[c->samples.count - 1].lsn;
}

/*
 * A replica's position means something beside the primary's only on the same
 * timeline.  Without pg_monitor the timeline that a replica streams is hidden,
 * and its control file learns of a new one late; but a replica that stands
 * exactly where the primary stood follows it: two logs that went apart do not
 * meet at the same byte.
 */
static bool is_comparable(struct census *c, int i)
{
	struct fact *fact = &c->facts[i];

	if (c->samples.count == 0 || fact->last.system_id != c->epoch.system_id)
		return false;
	if (fact->last.timeline == c->epoch.timeline)
		return true;
	if (fact->last.timeline < c->epoch.timeline && fact->last.lsn == newest_sample(c))
		fact->is_follower = true;
	return fact->is_follower;
}

static void note_freshness(struct census *c, int i)
{
	struct node *node = &c->topology->nodes[i];
	int64_t reached_us;

	if (!is_comparable(c, i))
		return;
	reached_us = samples_reached_us(&c->samples, c->facts[i].last.lsn);
	if (reached_us > node->fresh_us)
		node->fresh_us = reached_us;
	if (c->facts[i].last.lsn >= newest_sample(c))
		node->lag_ms = 0;
}

/* Without a primary nobody knows what was written; what is known is what the
 * replica has received and not replayed. */
static int64_t lag_alone(const struct fact *fact)
{
	if (fact->last.received_lsn && fact->last.lsn >= fact->last.received_lsn)
		return 0;
	return fact->last.quiet_ms;
}

static int64_t judge_lag(struct census *c, int i, int64_t now_us)
{
	const struct fact *fact = &c->facts[i];
	int64_t fresh_us = c->topology->nodes[i].fresh_us;

	if (c->topology->primary < 0)
		return lag_alone(fact);
	if (!is_comparable(c, i))
		return -1;
	if (fact->last.lsn >= newest_sample(c))
		return 0;
	/* Further behind than we have watched: the age of its last commit. */
	if (fresh_us == 0)
		return fact->last.quiet_ms;
	return now_us > fresh_us ? (now_us - fresh_us) / 1000 : 0;
}

bool census_is_behind(const struct census *c, int node)
{
	const struct fact *fact = &c->facts[node];

	return fact->answers && fact->last.is_in_recovery && c->topology->nodes[node].is_up &&
	       c->samples.count > 0 && fact->last.lsn < newest_sample(c);
}

static void note_primary(struct census *c, int i, int64_t asked_us)
{
	const struct census_answer *answer = &c->facts[i].last;

	samples_add(&c->samples, asked_us,
		    lsn_without_header(answer->lsn, answer->page_bytes, answer->segment_bytes));
	c->topology->nodes[i].lag_ms = 0;
	c->topology->nodes[i].fresh_us = asked_us;
	/* A replica may have told its position before the primary did. */
	for (int k = 0; k < c->topology->node_count; k++)
		if (c->facts[k].answers && c->facts[k].last.is_in_recovery)
			note_freshness(c, k);
}

/* ---- answers ---- */

/* A role that differs from what is known needs two agreeing answers. */
static bool is_role_sure(struct fact *fact, bool is_in_recovery)
{
	if ((fact->has_role && fact->last.is_in_recovery == is_in_recovery) ||
	    (fact->has_candidate && fact->candidate_is_in_recovery == is_in_recovery)) {
		fact->has_role = true;
		fact->has_candidate = false;
		return true;
	}
	fact->has_candidate = true;
	fact->candidate_is_in_recovery = is_in_recovery;
	return false;
}

enum census_verdict census_note_answer(struct census *c, int node,
				       const struct census_answer *answer, int64_t asked_us,
				       int64_t now_us)
{
	struct fact *fact = &c->facts[node];

	ensure(node >= 0 && node < c->topology->node_count);
	if (!is_role_sure(fact, answer->is_in_recovery))
		return CENSUS_UNSURE;
	fact->answers = true;
	fact->last = *answer;
	c->topology->nodes[node].timeline = answer->timeline;
	c->topology->nodes[node].lsn = answer->lsn;
	judge(c);
	if (node == c->topology->primary) {
		note_primary(c, node, asked_us);
	} else if (answer->is_in_recovery) {
		note_freshness(c, node);
		c->topology->nodes[node].lag_ms = judge_lag(c, node, now_us);
	}
	return CENSUS_NOTED;
}

void census_note_failure(struct census *c, int node, const char *reason)
{
	struct fact *fact = &c->facts[node];

	ensure(node >= 0 && node < c->topology->node_count);
	fact->answers = false;
	fact->has_candidate = false;
	memset(fact->failure, 0, sizeof(fact->failure));
	snprintf(fact->failure, sizeof(fact->failure), "%s", reason);
	judge(c);
}
