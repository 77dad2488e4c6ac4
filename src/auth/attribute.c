/*
 * Reads the attributes of SCRAM messages.  Does not know which message has
 * which.  Runs on any thread; never looks past the span that it was given.
 */
#include "auth/attribute.h"

#include <limits.h>

bool attribute_is_message(struct span message)
{
	return message.size > 0 && message.size <= SCRAM_MESSAGE_BYTES &&
	       !memchr(message.data, '\0', message.size);
}

bool attribute_take_char(struct span *left, char c)
{
	if (left->size == 0 || left->data[0] != c)
		return false;
	*left = span_after(*left, 1);
	return true;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool attribute_take_any(struct span *left, char *name, struct span *value)
{
	const char *comma;
	size_t size;

	if (left->size < 2 || !is_letter(left->data[0]) || left->data[1] != '=')
		return false;
	comma = memchr(left->data, ',', left->size);
	size = comma ? (size_t)(comma - left->data) : left->size;
	*name = left->data[0];
	*value = span_make(left->data + 2, size - 2);
	*left = span_after(*left, size);
	return true;
}

bool attribute_take(struct span *left, char wanted, struct span *value)
{
	char name;

	return attribute_take_any(left, &name, value) && name == wanted;
}

bool attribute_take_until(struct span *left, char end, struct span *part)
{
	const char *found = left->size ? memchr(left->data, end, left->size) : NULL;

	if (!found)
		return false;
	*part = span_first(*left, (size_t)(found - left->data));
	*left = span_after(*left, part->size + 1);
	return true;
}

enum scram_result attribute_skip_rest(struct span left)
{
	struct span value;
	char name;

	while (left.size > 0) {
		if (!attribute_take_char(&left, ',') || !attribute_take_any(&left, &name, &value))
			return SCRAM_MALFORMED;
		if (name == 'm')
			return SCRAM_UNSUPPORTED;
	}
	return SCRAM_OK;
}

bool attribute_is_nonce(struct span text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < 0x21 || text.data[i] > 0x7e)
			return false;
	}
	return text.size > 0;
}

bool attribute_read_number(struct span text, int *number)
{
	int n = 0;

	if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++) {
		int digit = text.data[i] - '0';

		if (digit < 0 || digit > 9)
			return false;
		n = n > (INT_MAX - digit) / 10 ? INT_MAX : n * 10 + digit;
	}
	*number = n;
	return true;
}
