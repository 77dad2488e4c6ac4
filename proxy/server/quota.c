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

struct quota {
	UT_hash_handle hh;
	char *key; /* owned */
	atomic_int open;
	atomic_int wanting; /* how many of the following are not 0 */
	_Atomic uint64_t since_us[QUOTA_MAX_WORKERS];
};

struct quotas {
	pthread_mutex_t lock; /* for the table only */
	struct quota *by_key;
};

struct quotas *quotas_create(void)
{
	struct quotas *all = memory_get_zeroed(sizeof *all);

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
static char *make_key(int node, const char *database, const char *user)
{
	char *key;

	ensure(asprintf(&key, "%d %zu %s %s", node, strlen(database), database, user) > 0);
	return key;
}

struct quota *quotas_find(struct quotas *all, int node, const char *database, const char *user)
{
	char *key = make_key(node, database, user);
	struct quota *q;

	pthread_mutex_lock(&all->lock);
	HASH_FIND_STR(all->by_key, key, q);
	if (q) {
		free(key);
	} else {
		q = memory_get_zeroed(sizeof *q);
		q->key = key;
		HASH_ADD_KEYPTR(hh, all->by_key, q->key, strlen(q->key), q);
	}
	pthread_mutex_unlock(&all->lock);
	return q;
}

bool quota_take(struct quota *q, int limit)
{
	if (atomic_fetch_add(&q->open, 1) < limit)
		return true;
	atomic_fetch_sub(&q->open, 1);
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

void quota_want(struct quota *q, int worker, uint64_t since_us)
{
	uint64_t before = atomic_exchange(&q->since_us[worker], since_us);

	if (!before && since_us)
		atomic_fetch_add(&q->wanting, 1);
	else if (before && !since_us)
		atomic_fetch_sub(&q->wanting, 1);
}

int quota_neediest(struct quota *q, int worker, uint64_t than_us)
{
	int neediest = -1;

	if (atomic_load_explicit(&q->wanting, memory_order_relaxed) == 0)
		return -1;
	for (int i = 0; i < QUOTA_MAX_WORKERS; i++) {
		uint64_t since = atomic_load_explicit(&q->since_us[i], memory_order_relaxed);

		if (i == worker || since == 0 || since >= than_us)
			continue;
		than_us = since;
		neediest = i;
	}
	return neediest;
}
