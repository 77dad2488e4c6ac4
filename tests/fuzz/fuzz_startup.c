/*
 * Fuzzes wire/startup.h.  Packets: the verdict does not change with what comes
 * later, parameters come back byte for byte.  options: against a second, naive
 * reader that splits first and interprets then, as PostgreSQL does.
 *
 * Input: one byte (odd: a text of options; even: a first packet), the bytes.
 */
#include "exact.h"

#include "wire/frame.h"
#include "wire/startup.h"
#include "wire/write.h"

#include <ctype.h>
#include <stdio.h>

/* --- packets --- */

static bool is_same(const struct startup *a, const struct startup *b)
{
	return a->size == b->size && a->major == b->major && a->minor == b->minor &&
	       a->parameter_count == b->parameter_count &&
	       span_equal(a->parameters, b->parameters) &&
	       a->cancel_process == b->cancel_process && a->cancel_secret == b->cancel_secret;
}

/* A shorter cut says MORE, or already what the whole says. */
static void check_cut(struct span packet, size_t size, enum startup_kind kind,
		      const struct startup *whole)
{
	struct span cut = exact_copy(span_first(packet, size));
	struct startup s;
	enum startup_kind early = startup_parse(cut, &s);

	ensure(early == STARTUP_MORE || early == kind);
	ensure(early == STARTUP_MORE || is_same(&s, whole));
	ensure(early == STARTUP_MORE || early == STARTUP_BAD_LENGTH || s.size <= size);
	exact_free(cut);
}

static void check_parameters(const struct startup *s)
{
	struct reader r = reader_of(s->parameters);
	struct span name, value;
	struct buf b;
	int count = 0;

	buf_init(&b);
	buf_reserve(&b, 1);
	while (startup_next(&r, &name, &value)) {
		char text[STARTUP_LIMIT_BYTES];

		snprintf(text, sizeof text, "%.*s", SPAN_ARGS(name));
		ensure(startup_find(s, text).data == value.data);
		write_text(&b, name);
		write_text(&b, value);
		count++;
	}
	ensure(count == s->parameter_count && count <= STARTUP_MAX_PARAMETERS);
	ensure(span_equal(buf_waiting(&b), s->parameters));
	buf_finish(&b);
}

/* What a server of the client's own would get holds its names, and all else in order. */
static void check_own_packet(const struct startup *s, struct span user, struct span database)
{
	struct startup ours;
	struct buf pairs, b;
	int left_out = 0;

	buf_init(&pairs);
	buf_init(&b);
	startup_write_pairs(&pairs, s);
	ensure(pairs.filled <= s->parameters.size);
	startup_write(&b, user, database, buf_waiting(&pairs));
	ensure(startup_parse(buf_waiting(&b), &ours) == STARTUP_MESSAGE);
	for (struct reader r = reader_of(s->parameters);;) {
		struct span name, value;

		if (!startup_next(&r, &name, &value))
			break;
		if (span_starts_with(name, "_pq_."))
			left_out++;
	}
	ensure(ours.parameter_count == s->parameter_count - left_out);
	ensure(startup_replication(&ours) == startup_replication(s));
	buf_finish(&pairs);
	buf_finish(&b);
}

/* What a server would get for this client holds its two names and nothing else. */
static void check_server_packet(const struct startup *s)
{
	struct span user = startup_find(s, "user");
	struct span database = startup_find(s, "database");
	struct startup ours;
	struct buf b;

	if (user.size == 0 || database.size == 0 || user.size + database.size > 9000)
		return;
	buf_init(&b);
	startup_write(&b, user, database, span_of(""));
	ensure(startup_parse(buf_waiting(&b), &ours) == STARTUP_MESSAGE);
	ensure(ours.size == b.filled && ours.parameter_count == 2);
	ensure(span_equal(startup_find(&ours, "user"), user));
	ensure(span_equal(startup_find(&ours, "database"), database));
	buf_finish(&b);
	check_own_packet(s, user, database);
}

static void check_negotiation(const struct startup *s)
{
	struct frame f;
	struct buf b;

	buf_init(&b);
	startup_write_negotiate(&b, s);
	ensure(frame_next(FRAME_FROM_SERVER, buf_waiting(&b), &f) == FRAME_WHOLE);
	ensure(f.type == SERVER_NEGOTIATE_VERSION && f.size == b.filled);
	buf_finish(&b);
}

static void fuzz_packet(struct span packet)
{
	struct span whole = exact_copy(packet);
	struct startup s;
	enum startup_kind kind = startup_parse(whole, &s);

	ensure(kind != STARTUP_MORE || packet.size < STARTUP_LIMIT_BYTES);
	for (size_t size = 0; size <= packet.size && size <= 64; size++)
		check_cut(packet, size, kind, &s);
	if (packet.size)
		check_cut(packet, packet.size - 1, kind, &s);
	if (kind == STARTUP_MESSAGE) {
		ensure(s.major == 3 && span_is_within(s.parameters, whole));
		check_parameters(&s);
		check_server_packet(&s);
		check_negotiation(&s);
	}
	exact_free(whole);
}

/* --- options --- */

enum { MOST_ARGUMENTS = 4096 };

/* Splits in place of `out`: the arguments of the text, each NUL-terminated. */
static int split_arguments(struct span text, char *out, char **arguments)
{
	int count = 0;

	for (size_t at = 0; at < text.size && count < MOST_ARGUMENTS;) {
		if (isspace((unsigned char)text.data[at])) {
			at++;
			continue;
		}
		arguments[count++] = out;
		while (at < text.size && !isspace((unsigned char)text.data[at])) {
			if (text.data[at] == '\\' && ++at == text.size)
				break;
			*out++ = text.data[at++];
		}
		*out++ = '\0';
	}
	return count;
}

/* Is "name=value" what `s` says? */
static bool is_setting(const char *text, const struct options_setting *s)
{
	size_t size = strlen(s->name);

	for (size_t i = 0; i < size; i++) {
		if ((text[i] == '-' ? '_' : text[i]) != s->name[i])
			return false;
	}
	return size && !strchr(s->name, '=') && text[size] == '=' &&
	       strcmp(text + size + 1, s->value) == 0;
}

static bool may_be_setting(const char *text)
{
	const char *equals = strchr(text, '=');
	struct options_setting *s = NULL;

	return equals && equals > text && (size_t)(equals - text) < sizeof s->name &&
	       strlen(equals + 1) < sizeof s->value;
}

/* The text of the next setting, and how many arguments it took; NULL: not one. */
static const char *setting_text(char **arguments, int count, int *taken)
{
	*taken = 1;
	if (strncmp(arguments[0], "--", 2) == 0)
		return arguments[0] + 2;
	if (strncmp(arguments[0], "-c", 2) != 0)
		return NULL;
	if (arguments[0][2])
		return arguments[0] + 2;
	*taken = 2;
	return count > 1 ? arguments[1] : NULL;
}

static void fuzz_options(struct span text)
{
	struct span left = exact_copy(text);
	struct span whole = left;
	char *copy = memory_get(2 * text.size + 1);
	char **arguments = memory_get(MOST_ARGUMENTS * sizeof *arguments);
	int count = split_arguments(text, copy, arguments);
	int at = 0;

	for (;;) {
		struct options_setting setting;
		size_t before = left.size;
		enum options_result result = options_next(&left, &setting);
		const char *expected;
		int taken;

		ensure(left.size < before || result == OPTIONS_END);
		ensure((result == OPTIONS_END) == (at == count));
		if (result == OPTIONS_END)
			break;
		expected = setting_text(arguments + at, count - at, &taken);
		ensure((result == OPTIONS_SETTING) == (expected && may_be_setting(expected)));
		if (result == OPTIONS_BAD)
			break;
		ensure(is_setting(expected, &setting));
		at += taken;
	}
	exact_free(whole);
	free(arguments);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes;
	const void *nul;

	if (size < 1 || size > 16384)
		return 0;
	bytes = span_make(data + 1, size - 1);
	if (data[0] % 2 == 0) {
		fuzz_packet(bytes);
		return 0;
	}
	/* A parameter's value ends at its NUL. */
	nul = bytes.size ? memchr(bytes.data, '\0', bytes.size) : NULL;
	if (nul)
		bytes.size = (size_t)((const char *)nul - bytes.data);
	if (bytes.size < MOST_ARGUMENTS)
		fuzz_options(bytes);
	return 0;
}
