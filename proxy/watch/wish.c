/*
 * Reads which report is wanted (wish.h).  Does not know HTTP.  Runs on the
 * control thread.
 */
#include "watch/wish.h"

#include <string.h>

static const struct page {
	const char *path;
	int limit; /* rows without a parameter */
	bool has_limit, has_sort; /* the parameters it takes */
	const char *unknown; /* what is said of another; NULL: it is passed over */
} pages[] = {
	[REPORT_STATS] = { "/stats", REPORT_LIMIT_DEFAULT, false, false, NULL },
	[REPORT_QUERIES] = { "/queries", REPORT_LIMIT_DEFAULT, true, true,
			     "unknown parameter: there are sort and limit" },
	[REPORT_NODES] = { "/nodes", 0, false, false, NULL },
	[REPORT_POOLS] = { "/pools", 0, false, false, NULL },
	[REPORT_CLIENTS] = { "/clients", REPORT_CLIENTS_DEFAULT, true, false,
			     "unknown parameter: there is limit" },
};

bool wish_read_path(struct report_wish *wish, const char *path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		if (strcmp(path, pages[i].path) == 0) {
			*wish = (struct report_wish){ .page = (enum report_page)i,
						      .limit = pages[i].limit };
			return true;
		}
	return false;
}

static bool read_sort(struct span value, enum report_sort *sort)
{
	static const char *const words[] = {
		[REPORT_BY_TOTAL] = "total",
		[REPORT_BY_P99] = "p99",
		[REPORT_BY_CALLS] = "calls",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (span_is(value, words[i])) {
			*sort = (enum report_sort)i;
			return true;
		}
	return false;
}

static bool read_limit(struct span value, int *limit)
{
	if (value.size == 0 || value.size > 5)
		return false;
	*limit = 0;
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return false;
		*limit = *limit * 10 + (value.data[i] - '0');
	}
	return *limit >= 1 && *limit <= REPORT_LIMIT_MAX;
}

const char *wish_read_parameter(struct report_wish *wish, struct span name, struct span value)
{
	const struct page *page = &pages[wish->page];

	_Static_assert(REPORT_LIMIT_MAX == 10000, "the sentence says so");
	if (page->has_sort && span_is(name, "sort"))
		return read_sort(value, &wish->sort) ? NULL : "sort must be total, p99 or calls";
	if (page->has_limit && span_is(name, "limit"))
		return read_limit(value, &wish->limit) ? NULL
						       : "limit must be a number from 1 to 10000";
	return page->unknown;
}
