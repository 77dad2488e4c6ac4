/*
 * Makes JSON values of numbers, times and texts (value.h).  Knows no page.  Runs
 * on the control thread.
 */
#include "watch/value.h"

#include "base/ensure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *value_number(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *value_known(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

json_t *value_ms(double us)
{
	return json_real(round(us) / 1000.);
}

json_t *value_known_ms(int64_t us)
{
	return us < 0 ? json_null() : value_ms((double)us);
}

json_t *value_known_s(int64_t us)
{
	return us < 0 ? json_null() : json_integer(us / 1000000);
}

/* Bytes of the UTF-8 character at `s` (RFC 3629); 0: there is none. */
static size_t character_size(const unsigned char *s)
{
	size_t size = s[0] < 0x80   ? 1
		      : s[0] < 0xC2 ? 0
		      : s[0] < 0xE0 ? 2
		      : s[0] < 0xF0 ? 3
		      : s[0] < 0xF5 ? 4
				    : 0;

	for (size_t i = 1; i < size; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	/* Longer than needed, a surrogate, or past U+10FFFF. */
	if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
	    (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
		return 0;
	return size;
}

/* Its bytes that are no UTF-8 become U+FFFD, since jansson refuses them. */
static json_t *repaired_json(const char *text)
{
	static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
	char *repaired = memory_get(3 * strlen(text) + 1), *end = repaired;
	json_t *json;

	while (*text) {
		size_t size = character_size((const unsigned char *)text);

		if (size > 0)
			end = (char *)memcpy(end, text, size) + size;
		else
			end = (char *)memcpy(end, replacement, 3) + 3;
		text += size > 0 ? size : 1;
	}
	json = json_stringn(repaired, (size_t)(end - repaired));
	free(repaired);
	return json;
}

json_t *value_text(const char *text)
{
	json_t *json = text ? json_string(text) : json_null();

	return json ? json : repaired_json(text);
}

json_t *value_name(const char *text)
{
	return value_text(*text ? text : NULL);
}

json_t *value_latency(const struct hist *h)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
			 "avg", value_ms(hist_average_us(h)),
			 "p50", value_ms(hist_quantile_us(h, .50)),
			 "p90", value_ms(hist_quantile_us(h, .90)),
			 "p95", value_ms(hist_quantile_us(h, .95)),
			 "p99", value_ms(hist_quantile_us(h, .99)),
			 "max", value_ms(h->max_us));
}
