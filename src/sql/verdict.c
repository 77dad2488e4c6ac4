/*
 * The words of verdict.h and the end of a verdict.
 */
#include "sql/verdict.h"

#include "base/ensure.h"

#include <stdlib.h>

const char *verdict_reason_word(enum verdict_reason reason)
{
	static const char *const words[] = {
#define X(name, word) word,
		VERDICT_REASONS(X)
#undef X
	};

	ensure(reason < VERDICT_REASON_COUNT);
	return words[reason];
}

const char *pin_reason_word(enum pin_reason reason)
{
	static const char *const words[] = {
#define X(name, word) word,
		PIN_REASONS(X)
#undef X
	};

	ensure(reason < PIN_REASON_COUNT);
	return words[reason];
}

void verdict_destroy(struct verdict *v)
{
	free(v);
}
