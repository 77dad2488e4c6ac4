/*
 * Looks names up in danger.def.  Any thread.  Asked on a miss of the verdict cache
 * only, so the list is simply read through.
 */
#include "sql/danger.h"

struct danger {
	const char *name;
	enum pin_reason pin;
};

static const struct danger dangers[] = {
#define DANGER(name, pin) { name, pin },
#include "sql/danger.def"
#undef DANGER
};

/* Exact names stand before the prefixes that they match, too. */
static bool matches(const char *pattern, struct span name)
{
	size_t size = strlen(pattern);

	if (pattern[size - 1] != '*')
		return span_is(name, pattern);
	return name.size >= size - 1 && memcmp(name.data, pattern, size - 1) == 0;
}

bool danger_find(struct span name, enum pin_reason *pin)
{
	size_t i;

	for (i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
		if (dangers[i].name[0] != (name.size ? name.data[0] : '\0'))
			continue;
		if (!matches(dangers[i].name, name))
			continue;
		*pin = dangers[i].pin;
		return true;
	}
	return false;
}
