/*
 * Choosing among replicas (policy.h).
 */
#include "route/policy.h"

#include "base/ensure.h"

#include <math.h>

enum {
	DECAY_US = 10 * 1000 * 1000, /* a slow answer is forgotten by and by */
	CLEARLY_SLOWER = 2, /* times: below that replicas count as equally fast */
};

void policy_init(struct policy *p, enum balance balance, uint64_t seed)
{
	*p = (struct policy){ .balance = balance, .random = seed | 1 };
}

static uint64_t next_random(struct policy *p)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return p->random;
}

static int total_weight(const struct topology *t, const int *candidates, int count)
{
	int total = 0;

	for (int i = 0; i < count; i++)
		total += t->nodes[candidates[i]].weight;
	return total;
}

static int choose_random(struct policy *p, const struct topology *t, const int *candidates,
			 int count)
{
	int at = (int)(next_random(p) % (uint64_t)total_weight(t, candidates, count));

	for (int i = 0; i < count; i++) {
		at -= t->nodes[candidates[i]].weight;
		if (at < 0)
			return candidates[i];
	}
	return candidates[count - 1];
}

/* Smooth weighted rotation: everybody gains its weight, the richest is chosen
 * and pays the total. */
static int choose_in_turn(struct policy *p, const struct topology *t, const int *candidates,
			  int count)
{
	int best = candidates[0];

	for (int i = 0; i < count; i++) {
		struct policy_node *n = &p->nodes[candidates[i]];

		n->deficit += t->nodes[candidates[i]].weight;
		if (n->deficit > p->nodes[best].deficit)
			best = candidates[i];
	}
	p->nodes[best].deficit -= total_weight(t, candidates, count);
	return best;
}

static double load_of(const struct policy *p, const struct topology *t, int node)
{
	return (double)p->nodes[node].outstanding / t->nodes[node].weight;
}

/* Keeps the candidates with the least load; returns how many. */
static int keep_least_loaded(const struct policy *p, const struct topology *t,
			     const int *candidates, int count, int *kept)
{
	double least = INFINITY;
	int n = 0;

	for (int i = 0; i < count; i++)
		least = fmin(least, load_of(p, t, candidates[i]));
	for (int i = 0; i < count; i++) {
		if (load_of(p, t, candidates[i]) <= least)
			kept[n++] = candidates[i];
	}
	return n;
}

/* What is still believed of an answer time: nothing after DECAY_US, so that a node
 * that was slow is tried again. */
static double still_believed(const struct policy_node *n, uint64_t now_us)
{
	double age_us = (double)(now_us - n->peak_at_us);

	return age_us < DECAY_US ? 1 - age_us / DECAY_US : 0;
}

static double peak_of(const struct policy *p, int node, uint64_t now_us)
{
	return p->nodes[node].peak_us * still_believed(&p->nodes[node], now_us);
}

/* Of those, the ones that are not clearly slower than the fastest. */
static int keep_fast(const struct policy *p, int *candidates, int count, uint64_t now_us)
{
	double fastest = INFINITY;
	int n = 0;

	for (int i = 0; i < count; i++)
		fastest = fmin(fastest, peak_of(p, candidates[i], now_us));
	for (int i = 0; i < count; i++) {
		double peak = peak_of(p, candidates[i], now_us);

		if (peak <= fastest * CLEARLY_SLOWER || fastest <= 0)
			candidates[n++] = candidates[i];
	}
	return n;
}

int policy_choose(struct policy *p, const struct topology *t, const int *candidates, int count,
		  uint64_t now_us)
{
	int kept[STATS_MAX_NODES];
	int n;

	ensure(count > 0 && count <= STATS_MAX_NODES);
	if (count == 1)
		return candidates[0];
	if (p->balance == BALANCE_RANDOM)
		return choose_random(p, t, candidates, count);
	if (p->balance == BALANCE_ROUND_ROBIN)
		return choose_in_turn(p, t, candidates, count);
	n = keep_least_loaded(p, t, candidates, count, kept);
	if (n > 1)
		n = keep_fast(p, kept, n, now_us);
	return choose_in_turn(p, t, kept, n);
}

void policy_begin(struct policy *p, int node)
{
	p->nodes[node].outstanding++;
}

void policy_end(struct policy *p, int node, uint64_t answer_us, uint64_t now_us)
{
	struct policy_node *n = &p->nodes[node];
	double keep = still_believed(n, now_us);

	ensure(n->outstanding > 0);
	n->outstanding--;
	/* One slow answer is noise; the average moves by a sixteenth, up and down. */
	n->peak_us = n->peak_us * keep + (1 - keep) * (double)answer_us;
	n->peak_us += ((double)answer_us - n->peak_us) / 16;
	n->peak_at_us = now_us;
}
