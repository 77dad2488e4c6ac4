/*
 * A text → its verdict, by the same steps as src/sql/verdicts.c.
 */
#ifndef PGWEIR_TESTS_CLASSIFYING_H
#define PGWEIR_TESTS_CLASSIFYING_H

#include "sql/classify.h"

#include "base/ensure.h"

#include <stdlib.h>

static inline struct verdict *classify(struct span text, bool strings)
{
	const struct normal_options options = { .standard_conforming_strings = strings };
	char *room = memory_get(NORMAL_BYTES_MAX);
	struct verdict *v;
	struct normal n;

	normal_make(&n, text, &options, room, NORMAL_BYTES_MAX);
	if (n.is_too_long)
		v = classify_unparsed(text, strings, VERDICT_BECAUSE_TOO_LONG);
	else if (!normal_is_bounded(&n))
		v = classify_unparsed(text, strings, VERDICT_BECAUSE_TOO_DEEP);
	else if (n.is_broken || n.has_old_escapes)
		v = classify_unparsed(text, strings, VERDICT_BECAUSE_NOT_PARSED);
	else
		v = classify_normal(&n);
	free(room);
	return v;
}

#endif
