/*
 * Limits over all workers (quota.h).  Shared by all threads.
 */
#include "server/quota.h"

#include "base/ensure.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* What a worker tells the others.  Each has a cache line of its own: it writes
 * there at every query, the others look when they lack something. */
struct notice {
	_Alignas(64) _Atomic uint64_t since_us; /* somebody waits since then; 0: nobody */
	atomic_int lacking; /* so many connections, less those that were claimed */
	atomic_int idle; /* so many are idle there */
};

struct quota {
	UT_hash_handle hh;
	char *key; /* owned */
	atomic_int open;
	atomic_int wanting; /* in how many notices since_us is not 0 */
	int worker_count;
	struct notice notices[];
};

struct quotas {
	pthread_mutex_t lock; /* for the table only */
	int worker_count;
	struct quota *by_key;
};

struct quotas *quotas_create(int worker_count)
{
	struct quotas *all = memory_get_zeroed(sizeof *all);

	ensure(worker_count > 0 && worker_count <= QUOTA_MAX_WORKERS);
	all->worker_count = worker_count;
	ensure(pthread_mutex_init(&all->lock, NULL) == 0);
	return all;
}

void quotas_destroy(struct quotas *all)
{
	struct quota *q, *next;

	HASH_ITER(hh, all->by_key, q, next) {
		HASH_DEL(all->by_key, q);
		free(q->key);
		free(q);
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* The lengths in front keep ("a", "bc") apart from ("ab", "c"). */
char *quota_make_key(int node, const char *database, const char *user)
{
	char *key;

	ensure(asprintf(&key, "%d %zu %s %s", node, strlen(database), database, user) > 0);
	return key;
}

static struct quota *create(struct quotas *all, char *key)
{
	size_t size = sizeof(struct quota) + (size_t)all->worker_count * sizeof(struct notice);
	struct quota *q = aligned_alloc(_Alignof(struct quota), size);

	ensure(q);
	memset(q, 0, size);
	q->key = key;
	q->worker_count = all->worker_count;
	HASH_ADD_KEYPTR(hh, all->by_key, q->key, strlen(q->key), q);
	return q;
}

struct quota *quotas_find(struct quotas *all, int node, const char *database, const char *user)
{
	char *key = quota_make_key(node, database, user);
	struct quota *q;

	pthread_mutex_lock(&all->lock);
	HASH_FIND_STR(all->by_key, key, q);
	if (q)
		free(key);
	else
		q = create(all, key);
	pthread_mutex_unlock(&all->lock);
	return q;
}

bool quota_take(struct quota *q, int limit)
{
	int open = atomic_load(&q->open);

	/* Not added and then taken back: others would see a full pool meanwhile. */
	while (open < limit) {
		if (atomic_compare_exchange_weak(&q->open, &open, open + 1))
			return true;
	}
	return false;
}

void quota_return(struct quota *q)
{
	ensure(atomic_fetch_sub(&q->open, 1) > 0);
}

int quota_open(struct quota *q)
{
	return atomic_load_explicit(&q->open, memory_order_relaxed);
}

void quota_show_idle(struct quota *q, int worker, int count)
{
	atomic_store_explicit(&q->notices[worker].idle, count, memory_order_relaxed);
}

int quota_idle(struct quota *q, int worker)
{
	return atomic_load_explicit(&q->notices[worker].idle, memory_order_relaxed);
}

void quota_want(struct quota *q, int worker, uint64_t since_us, int lacking)
{
	struct notice *ours = &q->notices[worker];
	uint64_t before = atomic_load_explicit(&ours->since_us, memory_order_relaxed);

	atomic_store_explicit(&ours->lacking, lacking, memory_order_relaxed);
	atomic_store_explicit(&ours->since_us, since_us, memory_order_relaxed);
	if (!before && since_us)
		atomic_fetch_add(&q->wanting, 1);
	else if (before && !since_us)
		atomic_fetch_sub(&q->wanting, 1);
}

bool quota_claim(struct quota *q, int worker)
{
	atomic_int *lacking = &q->notices[worker].lacking;
	int count = atomic_load_explicit(lacking, memory_order_relaxed);

	while (count > 0) {
		if (atomic_compare_exchange_weak(lacking, &count, count - 1))
			return true;
	}
	return false;
}

int quota_neediest(struct quota *q, int worker, uint64_t than_us)
{
	int neediest = -1;

	if (atomic_load_explicit(&q->wanting, memory_order_relaxed) == 0)
		return -1;
	for (int i = 0; i < q->worker_count; i++) {
		struct notice *n = &q->notices[i];
		uint64_t since = atomic_load_explicit(&n->since_us, memory_order_relaxed);

		if (i == worker || since == 0 || since >= than_us ||
		    atomic_load_explicit(&n->lacking, memory_order_relaxed) <= 0)
			continue;
		than_us = since;
		neediest = i;
	}
	return neediest;
}
