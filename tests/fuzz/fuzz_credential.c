/*
 * Fuzzes the users file of auth/credential.h against a second, naive reader: loaded
 * exactly when that one finds no fault, with the same users and secrets;
 * complaints come in the order of lines that there are.
 *
 * Input: the file.
 */
#include "exact.h"

#include "auth/credential.h"

enum { FILE_BYTES = 16 * 1024, USERS = 64 };

static const uint8_t process_secret[32] = "a secret of 32 random bytes....";

/* --- the naive reader --- */

struct user {
	char name[FILE_BYTES];
	char secret[FILE_BYTES];
};

struct users {
	struct user of[USERS];
	size_t count;
};

/* Behind the closing quote; NULL: it is no quoted text, or not what a text may be. */
static const char *read_quoted(const char *at, const char *end, char *out, size_t limit)
{
	size_t size = 0;
	bool is_closed = false;

	if (at == end || *at++ != '"')
		return NULL;
	while (at < end && !is_closed) {
		bool is_doubled = end - at >= 2 && at[0] == '"' && at[1] == '"';

		is_closed = *at == '"' && !is_doubled;
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			return NULL;
		if (!is_closed)
			out[size++] = *at;
		at += is_doubled ? 2 : 1;
	}
	out[size] = '\0';
	return is_closed && size > 0 && size <= limit ? at : NULL;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r", *at) && *at)
		at++;
	return at;
}

static bool is_hash_good(const char *secret)
{
	struct scram_verifier v;

	if (strncmp(secret, "SCRAM-SHA-256$", 14) == 0)
		return scram_verifier_parse(span_of(secret), &v);
	if (strncmp(secret, "md5", 3) == 0)
		return strlen(secret) == 35 && strspn(secret + 3, "0123456789abcdef") == 32;
	return true;
}

static bool read_line(struct users *users, const char *at, const char *end)
{
	struct user *u = &users->of[users->count];

	at = skip_blanks(at, end);
	if (at == end || *at == ';' || *at == '#')
		return true;
	at = read_quoted(at, end, u->name, 63);
	if (!at)
		return false;
	at = read_quoted(skip_blanks(at, end), end, u->secret, 1024);
	if (!at || skip_blanks(at, end) != end || !is_hash_good(u->secret))
		return false;
	for (size_t i = 0; i < users->count; i++) {
		if (strcmp(users->of[i].name, u->name) == 0)
			return false;
	}
	users->count++;
	return true;
}

static bool read_file(struct users *users, struct span text, int *lines)
{
	const char *at = text.data, *end = text.data + text.size;
	bool is_good = true;

	users->count = 0;
	for (*lines = 0; at < end && users->count < USERS; ++*lines) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (!line_end)
			line_end = end;
		is_good &= read_line(users, at, line_end);
		at = line_end + 1;
	}
	return is_good;
}

/* --- the comparison --- */

struct complaints {
	int count;
	int last_line;
};

static void note(void *context, int line, const char *message)
{
	struct complaints *c = context;

	ensure(line >= 1 && line >= c->last_line && message[0]);
	c->last_line = line;
	c->count++;
}

static void check_user(const struct credentials *found, const struct user *u)
{
	const struct credential *c = credentials_find(found, span_of(u->name));

	ensure(c && strcmp(c->user, u->name) == 0);
	if (strncmp(u->secret, "md5", 3) == 0)
		ensure(c->kind == SECRET_MD5 && strcmp(c->md5_hex, u->secret + 3) == 0);
	else if (strncmp(u->secret, "SCRAM-SHA-256$", 14) == 0)
		ensure(c->kind == SECRET_SCRAM && !c->password);
	else
		ensure(c->kind == SECRET_PASSWORD && strcmp(c->password, u->secret) == 0);
	ensure(c->verifier.iterations > 0 && c->verifier.salt_size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct users users;
	struct complaints c = { 0 };
	struct credentials *found;
	struct span text;
	bool is_good;
	int lines;

	if (size >= FILE_BYTES)
		return 0;
	text = exact_copy(span_make(data, size));
	is_good = read_file(&users, text, &lines);
	/* more clear passwords than that only cost time */
	if (users.count == USERS) {
		exact_free(text);
		return 0;
	}
	found = credentials_load(text, process_secret, note, &c);
	exact_free(text);
	ensure((found != NULL) == is_good && (c.count == 0) == is_good && c.last_line <= lines);
	for (size_t i = 0; is_good && i < users.count; i++)
		check_user(found, &users.of[i]);
	credentials_drop(found);
	return 0;
}
