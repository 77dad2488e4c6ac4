/*
 * The first packet of a connection (startup.h).  Pure; every length is checked
 * before a byte behind it is looked at.
 */
#include "wire/startup.h"

#include "base/ensure.h"
#include "wire/frame.h"
#include "wire/write.h"

#include <ctype.h>
#include <strings.h>

enum {
	CODE_SSL = 1234 << 16 | 5679,
	CODE_GSS = 1234 << 16 | 5680,
	CODE_CANCEL = 1234 << 16 | 5678,
	PROTOCOL_3_0 = 3 << 16,
	HEADER_BYTES = 8, /* length and code */
};

static enum startup_kind parse_cancel(struct reader *body, struct startup *s)
{
	s->cancel_process = (uint32_t)read_int32(body);
	s->cancel_secret = (uint32_t)read_int32(body);
	return reader_is_done(body) ? STARTUP_CANCEL : STARTUP_BAD_LAYOUT;
}

/* Was there a parameter of this name before `name`, which points into `parameters`? */
static bool is_repeated(struct span parameters, struct span name)
{
	struct reader before =
		reader_of(span_first(parameters, (size_t)(name.data - parameters.data)));
	struct span other, value;

	while (startup_next(&before, &other, &value)) {
		if (span_equal(other, name))
			return true;
	}
	return false;
}

/*
 * Names and values in turn, each with its NUL, then one more NUL.  A name that
 * comes twice is refused: PostgreSQL takes the last value, others the first, and
 * a NUL smuggled into a value ("x\0user\0admin") shows as a second "user".
 */
static enum startup_kind parse_parameters(struct span body, struct startup *s)
{
	struct reader check;
	struct span name, value;

	if (body.size == 0 || body.data[body.size - 1] != '\0')
		return STARTUP_BAD_LAYOUT;
	s->parameters = span_first(body, body.size - 1);
	check = reader_of(s->parameters);
	while (startup_next(&check, &name, &value)) {
		if (name.size == 0 || ++s->parameter_count > STARTUP_MAX_PARAMETERS)
			return STARTUP_BAD_LAYOUT;
		if (is_repeated(s->parameters, name))
			return STARTUP_BAD_LAYOUT;
	}
	return reader_is_done(&check) ? STARTUP_MESSAGE : STARTUP_BAD_LAYOUT;
}

static enum startup_kind parse_code(int32_t code, struct reader *body, struct startup *s)
{
	switch (code) {
	case CODE_SSL:
		return body->left.size == 0 ? STARTUP_SSL : STARTUP_BAD_LAYOUT;
	case CODE_GSS:
		return body->left.size == 0 ? STARTUP_GSS : STARTUP_BAD_LAYOUT;
	case CODE_CANCEL:
		return parse_cancel(body, s);
	}
	s->major = (int)((uint32_t)code >> 16);
	s->minor = (int)((uint32_t)code & 0xffff);
	if (s->major != 3)
		return STARTUP_BAD_VERSION;
	return parse_parameters(body->left, s);
}

enum startup_kind startup_parse(struct span bytes, struct startup *s)
{
	struct reader header = reader_of(bytes);
	struct reader body;
	int32_t length, code;

	*s = (struct startup){ 0 };
	if (bytes.size < 4)
		return STARTUP_MORE;
	length = read_int32(&header);
	if (length < HEADER_BYTES || length > STARTUP_LIMIT_BYTES)
		return STARTUP_BAD_LENGTH;
	s->size = (size_t)length;
	if (bytes.size < s->size)
		return STARTUP_MORE;
	code = read_int32(&header);
	body = reader_of(span_first(header.left, s->size - HEADER_BYTES));
	return parse_code(code, &body, s);
}

bool startup_next(struct reader *parameters, struct span *name, struct span *value)
{
	if (parameters->left.size == 0)
		return false;
	*name = read_text(parameters);
	*value = read_text(parameters);
	return !parameters->failed;
}

struct span startup_find(const struct startup *s, const char *name)
{
	struct reader parameters = reader_of(s->parameters);
	struct span found, value;

	while (startup_next(&parameters, &found, &value)) {
		if (span_is(found, name))
			return value;
	}
	return span_make(NULL, 0);
}

/* --- replication --- */

/* `text` is the word or begins it with `least` letters or more, in any case. */
static bool abbreviates(struct span text, const char *word, size_t least)
{
	return text.size >= least && text.size <= strlen(word) &&
	       strncasecmp(text.data, word, text.size) == 0;
}

enum startup_replication startup_replication(const struct startup *s)
{
	struct span value = startup_find(s, "replication");

	if (!value.data || abbreviates(value, "false", 1) || abbreviates(value, "no", 1) ||
	    abbreviates(value, "off", 2) || span_is(value, "0"))
		return REPLICATION_OFF;
	if (abbreviates(value, "true", 1) || abbreviates(value, "yes", 1) ||
	    abbreviates(value, "on", 2) || span_is(value, "1") || span_is(value, "database"))
		return REPLICATION_ON;
	return REPLICATION_BAD;
}

/* --- options --- */

static void skip_space(struct span *left)
{
	while (left->size && isspace((unsigned char)left->data[0]))
		*left = span_after(*left, 1);
}

/* One argument into out (NUL-terminated); false when it is too long. */
static bool take_argument(struct span *left, char *out, size_t room, size_t *size)
{
	*size = 0;
	skip_space(left);
	while (left->size && !isspace((unsigned char)left->data[0])) {
		char c = left->data[0];

		*left = span_after(*left, 1);
		if (c == '\\') {
			if (left->size == 0)
				break; /* PostgreSQL drops it, too */
			c = left->data[0];
			*left = span_after(*left, 1);
		}
		if (*size + 1 >= room)
			return false;
		out[(*size)++] = c;
	}
	out[*size] = '\0';
	return true;
}

static bool split_setting(const char *text, struct options_setting *setting)
{
	const char *equals = strchr(text, '=');
	size_t name_size = equals ? (size_t)(equals - text) : 0;

	if (name_size == 0 || name_size >= sizeof setting->name ||
	    strlen(equals + 1) >= sizeof setting->value)
		return false;
	for (size_t i = 0; i < name_size; i++)
		setting->name[i] = text[i] == '-' ? '_' : text[i];
	setting->name[name_size] = '\0';
	memcpy(setting->value, equals + 1, strlen(equals + 1) + 1);
	return true;
}

enum options_result options_next(struct span *left, struct options_setting *setting)
{
	char argument[sizeof setting->name + sizeof setting->value + 4];
	const char *text = argument;
	size_t size;

	skip_space(left);
	if (left->size == 0)
		return OPTIONS_END;
	if (!take_argument(left, argument, sizeof argument, &size))
		return OPTIONS_BAD;
	if (strncmp(text, "--", 2) == 0) {
		text += 2;
	} else if (strcmp(text, "-c") == 0) {
		if (!take_argument(left, argument, sizeof argument, &size))
			return OPTIONS_BAD;
	} else if (strncmp(text, "-c", 2) == 0) {
		text += 2;
	} else {
		return OPTIONS_BAD;
	}
	return split_setting(text, setting) ? OPTIONS_SETTING : OPTIONS_BAD;
}

/* --- packets that we send --- */

static bool has_nul(struct span s)
{
	return s.size && memchr(s.data, '\0', s.size);
}

static void write_pair(struct buf *b, const char *name, struct span value)
{
	write_text(b, span_of(name));
	write_text(b, value);
}

void startup_write(struct buf *b, struct span user, struct span database, struct span pairs)
{
	size_t begun = write_begin(b, '\0');

	ensure(!has_nul(user) && !has_nul(database));
	write_int32(b, PROTOCOL_3_0);
	write_pair(b, "user", user);
	write_pair(b, "database", database);
	write_bytes(b, pairs);
	write_byte(b, 0);
	write_end(b, begun);
}

void startup_write_pairs(struct buf *b, const struct startup *s)
{
	struct reader parameters = reader_of(s->parameters);
	struct span name, value;

	while (startup_next(&parameters, &name, &value)) {
		if (span_is(name, "user") || span_is(name, "database") ||
		    span_starts_with(name, "_pq_."))
			continue;
		write_text(b, name);
		write_text(b, value);
	}
}

void startup_write_cancel(struct buf *b, uint32_t process, uint32_t secret)
{
	size_t begun = write_begin(b, '\0');

	write_int32(b, CODE_CANCEL);
	write_int32(b, (int32_t)process);
	write_int32(b, (int32_t)secret);
	write_end(b, begun);
}

static int count_unknown(const struct startup *s, struct buf *names)
{
	struct reader parameters = reader_of(s->parameters);
	struct span name, value;
	int count = 0;

	while (startup_next(&parameters, &name, &value)) {
		if (!span_starts_with(name, "_pq_."))
			continue;
		count++;
		if (names)
			write_text(names, name);
	}
	return count;
}

void startup_write_negotiate(struct buf *b, const struct startup *s)
{
	size_t begun = write_begin(b, SERVER_NEGOTIATE_VERSION);

	/* The documents say "minor version"; PostgreSQL sends, and libpq 18 demands, the whole. */
	write_int32(b, PROTOCOL_3_0);
	write_int32(b, count_unknown(s, NULL));
	count_unknown(s, b);
	write_end(b, begun);
}
