/*
 * Packs the numbers of queries, and unpacks them.  Knows nothing of who counted
 * them.  A pack goes from one thread to another; it has one owner at a time.
 *
 *     block:  | struct pack, rows | buckets of row 0, 1, ... | texts of 0, 1, ... |
 *
 * Why: a query_stats has 10 KB, of which its three histograms use a few hundred
 * bytes.  To copy 1,000 of them as they are means 10 MB of fresh pages, whose
 * faults alone stopped a worker for 2 to 12 ms at each scrape.
 */
#include "watch/pack.h"

#include "base/ensure.h"

#include <stdlib.h>
#include <string.h>

enum { HISTS = 3, HIST_HEAD_BYTES = offsetof(struct hist, buckets) };

struct row {
	char head[offsetof(struct query_stats, total)]; /* with the text's place in the pack */
	char hists[HISTS][HIST_HEAD_BYTES];
	const uint32_t *buckets; /* of the three, one after the other */
};

struct pack {
	int count, room;
	uint32_t *buckets, *buckets_end; /* the next free one; behind the last */
	char *texts, *texts_end;
	struct row rows[];
};

static size_t used_buckets(const struct hist *h)
{
	return h->first <= h->last ? (size_t)(h->last - h->first) + 1 : 0;
}

static size_t text_size(const struct query_stats *query)
{
	return query->text ? strlen(query->text) + 1 : 0;
}

void pack_measure(struct pack_size *size, const struct query_stats *query)
{
	size->queries++;
	size->buckets += used_buckets(&query->total) + used_buckets(&query->server) +
			 used_buckets(&query->wait);
	size->text_bytes += text_size(query);
}

struct pack *pack_create(const struct pack_size *size)
{
	size_t head = sizeof(struct pack) + (size_t)size->queries * sizeof(struct row);
	size_t buckets = size->buckets * sizeof(uint32_t);
	char *block = memory_get(head + buckets + size->text_bytes);
	struct pack *pack = (struct pack *)block;

	pack->count = 0;
	pack->room = size->queries;
	pack->buckets = (uint32_t *)(block + head);
	pack->buckets_end = pack->buckets + size->buckets;
	pack->texts = block + head + buckets;
	pack->texts_end = pack->texts + size->text_bytes;
	return pack;
}

static void add_hist(struct pack *pack, char *head, const struct hist *h)
{
	size_t used = used_buckets(h);

	ensure(used <= (size_t)(pack->buckets_end - pack->buckets));
	memcpy(head, h, HIST_HEAD_BYTES);
	memcpy(pack->buckets, h->buckets + (used ? h->first : 0), used * sizeof(uint32_t));
	pack->buckets += used;
}

static char *add_text(struct pack *pack, const struct query_stats *query)
{
	size_t size = text_size(query);
	char *place = pack->texts;

	if (size == 0)
		return NULL;
	ensure(size <= (size_t)(pack->texts_end - pack->texts));
	memcpy(place, query->text, size);
	pack->texts += size;
	return place;
}

void pack_add(struct pack *pack, const struct query_stats *query)
{
	struct row *row = &pack->rows[pack->count];
	char *text = add_text(pack, query);

	ensure(pack->count < pack->room);
	pack->count++;
	memcpy(row->head, query, sizeof(row->head));
	memcpy(row->head + offsetof(struct query_stats, text), &text, sizeof(text));
	row->buckets = pack->buckets;
	add_hist(pack, row->hists[0], &query->total);
	add_hist(pack, row->hists[1], &query->server);
	add_hist(pack, row->hists[2], &query->wait);
}

void pack_destroy(struct pack *pack)
{
	free(pack);
}

int pack_count(const struct pack *pack)
{
	return pack ? pack->count : 0;
}

/* Returns the buckets behind its own. */
static const uint32_t *read_hist(const char *head, const uint32_t *buckets, struct hist *h)
{
	size_t used;

	hist_init(h);
	memcpy(h, head, HIST_HEAD_BYTES);
	used = used_buckets(h);
	memcpy(h->buckets + (used ? h->first : 0), buckets, used * sizeof(uint32_t));
	return buckets + used;
}

void pack_read(const struct pack *pack, int index, struct query_stats *query)
{
	const struct row *row = &pack->rows[index];
	const uint32_t *buckets = row->buckets;

	ensure(index >= 0 && index < pack->count);
	memcpy(query, row->head, sizeof(row->head));
	buckets = read_hist(row->hists[0], buckets, &query->total);
	buckets = read_hist(row->hists[1], buckets, &query->server);
	read_hist(row->hists[2], buckets, &query->wait);
}
