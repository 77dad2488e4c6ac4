/*
 * Holds the users of users_file as credential.h promises it.  Does not read the
 * file or decide which login method is allowed.  Loaded on the control thread;
 * any thread looks up, holds and drops.
 *
 * Invariants: a snapshot changes only before its second holder; each entry is one
 * piece of memory, wiped as a whole; no message for people contains a secret.
 */
#include "auth/credential.h"

#include "base/ensure.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_NONFATAL_OOM 0
#define uthash_fatal(message) ensure(!message)
#include <uthash.h>

enum {
	NAME_BYTES = 63, /* PostgreSQL's NAMEDATALEN - 1 */
	SECRET_BYTES = 1024,
	PROCESS_SECRET_BYTES = 32,
	MD5_BYTES = 16,
	MD5_HEX_BYTES = 32,
	ERROR_BYTES = 256,
};

struct entry {
	UT_hash_handle hh;
	struct credential credential; /* its texts point into texts[] */
	int line; /* of the file; 0: not from a file */
	size_t size; /* bytes of the entry with its texts */
	char texts[]; /* the name, the secret, each with a NUL */
};

struct credentials {
	atomic_uint holders;
	uint8_t process_secret[PROCESS_SECRET_BYTES];
	struct entry *by_name;
};

/* --- the snapshot --- */

static struct credentials *create_empty(const uint8_t process_secret[PROCESS_SECRET_BYTES])
{
	struct credentials *users = memory_get_zeroed(sizeof *users);

	atomic_init(&users->holders, 1);
	memcpy(users->process_secret, process_secret, PROCESS_SECRET_BYTES);
	return users;
}

static struct entry *find_entry(const struct credentials *users, struct span user)
{
	struct entry *found = NULL;

	if (user.size > 0 && user.size <= UINT_MAX)
		HASH_FIND(hh, users->by_name, user.data, user.size, found);
	return found;
}

static void destroy_entry(struct credentials *users, struct entry *e)
{
	HASH_DEL(users->by_name, e);
	OPENSSL_cleanse(e, e->size);
	free(e);
}

static void destroy(struct credentials *users)
{
	struct entry *e, *next;

	HASH_ITER(hh, users->by_name, e, next)
		destroy_entry(users, e);
	OPENSSL_cleanse(users, sizeof *users);
	free(users);
}

struct credentials *credentials_hold(struct credentials *users)
{
	atomic_fetch_add_explicit(&users->holders, 1, memory_order_relaxed);
	return users;
}

void credentials_drop(struct credentials *users)
{
	unsigned int holders;

	if (!users)
		return;
	holders = atomic_fetch_sub_explicit(&users->holders, 1, memory_order_acq_rel);
	ensure(holders > 0);
	if (holders == 1)
		destroy(users);
}

const struct credential *credentials_find(const struct credentials *users, struct span user)
{
	const struct entry *e = find_entry(users, user);

	return e ? &e->credential : NULL;
}

/* --- verifiers --- */

/* A known user with a clear password and an unknown one get their salts alike. */
static void make_salt(const struct credentials *users, struct span user,
		      uint8_t salt[SCRAM_SALT_BYTES])
{
	uint8_t hash[EVP_MAX_MD_SIZE];

	ensure(HMAC(EVP_sha256(), users->process_secret, PROCESS_SECRET_BYTES,
		    (const unsigned char *)user.data, user.size, hash, NULL));
	memcpy(salt, hash, SCRAM_SALT_BYTES);
	OPENSSL_cleanse(hash, sizeof hash);
}

/* The keys are zeros: nobody knows a ClientKey that hashes to them, and SCRAM_DENIED
 * of a mock exchange does not depend on them. */
void credentials_mock(const struct credentials *users, struct span user, struct scram_verifier *v)
{
	*v = (struct scram_verifier){
		.iterations = SCRAM_ITERATIONS,
		.salt_size = SCRAM_SALT_BYTES,
	};
	make_salt(users, user, v->salt);
}

static void derive_verifier(const struct credentials *users, struct entry *e)
{
	struct credential *c = &e->credential;
	uint8_t salt[SCRAM_SALT_BYTES];

	make_salt(users, span_of(c->user), salt);
	scram_verifier_from_password(span_of(c->password), salt, &c->verifier);
}

/* PBKDF2 takes a millisecond each: not before the whole file is known to be good. */
static void derive_verifiers(struct credentials *users)
{
	struct entry *e, *next;

	HASH_ITER(hh, users->by_name, e, next) {
		if (e->credential.kind == SECRET_PASSWORD)
			derive_verifier(users, e);
	}
}

/* --- entries --- */

static struct entry *create_entry(struct span user, struct span secret)
{
	size_t size = sizeof(struct entry) + user.size + 1 + secret.size + 1;
	struct entry *e = memory_get_zeroed(size);

	e->size = size;
	memcpy(e->texts, user.data, user.size);
	memcpy(e->texts + user.size + 1, secret.data, secret.size);
	e->credential.user = e->texts;
	return e;
}

static void insert_entry(struct credentials *users, struct entry *e)
{
	HASH_ADD_KEYPTR(hh, users->by_name, e->credential.user, strlen(e->credential.user), e);
}

static char *secret_of(struct entry *e)
{
	return e->texts + strlen(e->texts) + 1;
}

void credentials_add(struct credentials *users, const char *user, const char *password)
{
	struct entry *old, *e;

	ensure(atomic_load(&users->holders) == 1);
	e = create_entry(span_of(user), span_of(password));
	old = find_entry(users, span_of(user));
	if (old)
		destroy_entry(users, old);
	e->credential.kind = SECRET_PASSWORD;
	e->credential.password = secret_of(e);
	derive_verifier(users, e);
	insert_entry(users, e);
}

/* "md5" and 32 lower-case digits: PostgreSQL hashes these digits again, so upper
 * case would be another secret. */
static bool is_md5(const char *secret)
{
	return strlen(secret) == strlen("md5") + MD5_HEX_BYTES &&
	       strspn(secret + strlen("md5"), "0123456789abcdef") == MD5_HEX_BYTES;
}

/* What the secret is; NULL or why it is none.  A damaged hash must not become
 * somebody's password, so the prefixes alone decide. */
static const char *sort_secret(const struct credentials *users, struct entry *e)
{
	struct credential *c = &e->credential;
	char *secret = secret_of(e);

	if (strncmp(secret, "SCRAM-SHA-256$", strlen("SCRAM-SHA-256$")) == 0) {
		c->kind = SECRET_SCRAM;
		return scram_verifier_parse(span_of(secret), &c->verifier) ?
			       NULL :
			       "invalid SCRAM-SHA-256 verifier";
	}
	if (strncmp(secret, "md5", strlen("md5")) == 0) {
		c->kind = SECRET_MD5;
		c->md5_hex = secret + strlen("md5");
		/* whoever tries SCRAM with it meets what an unknown user meets */
		credentials_mock(users, span_of(c->user), &c->verifier);
		return is_md5(secret) ? NULL :
					"invalid md5 secret: not \"md5\" and 32 lower-case "
					"hexadecimal digits";
	}
	c->kind = SECRET_PASSWORD;
	c->password = secret;
	return NULL;
}

/* --- the file --- */

struct loader {
	struct credentials *users;
	credentials_error *on_error;
	void *context;
	int line;
	int errors;
};

__attribute__((format(printf, 2, 3))) static void complain(struct loader *l, const char *format,
							    ...)
{
	char message[ERROR_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	l->on_error(l->context, l->line, message);
	l->errors++;
}

/* A quoted text without its quotes.  Longer ones than any limit are cut. */
struct text {
	char data[SECRET_BYTES + 1];
	size_t size; /* bytes of the whole, also when it was cut */
	bool has_controls;
};

static void add_char(struct text *t, char c)
{
	if (t->size < sizeof t->data)
		t->data[t->size] = c;
	t->size++;
	if ((unsigned char)c < ' ' || c == 0x7f)
		t->has_controls = true;
}

static void skip_blanks(struct span *left)
{
	while (left->size > 0 && (left->data[0] == ' ' || left->data[0] == '\t' ||
				  left->data[0] == '\r'))
		*left = span_after(*left, 1);
}

/* `"it""s"` → it"s. */
static bool take_quoted(struct loader *l, struct span *left, const char *what, struct text *t)
{
	t->size = 0;
	t->has_controls = false;
	if (!span_starts_with(*left, "\"")) {
		complain(l, "the %s must be in double quotes", what);
		return false;
	}
	*left = span_after(*left, 1);
	while (left->size > 0) {
		bool is_quote = left->data[0] == '"';

		if (is_quote && !span_starts_with(*left, "\"\"")) {
			*left = span_after(*left, 1);
			return true;
		}
		add_char(t, left->data[0]);
		*left = span_after(*left, is_quote ? 2 : 1);
	}
	complain(l, "the %s has no closing quote", what);
	return false;
}

static bool is_text_good(struct loader *l, const struct text *t, const char *what, size_t limit)
{
	if (t->size == 0)
		complain(l, "the %s is empty", what);
	else if (t->size > limit)
		complain(l, "the %s is longer than %zu bytes", what, limit);
	else if (t->has_controls)
		complain(l, "the %s contains a control character", what);
	else
		return true;
	return false;
}

static void load_user(struct loader *l, struct span user, struct span secret)
{
	struct entry *old = find_entry(l->users, user);
	struct entry *e;
	const char *trouble;

	if (old)
		complain(l, "user \"%s\" is on line %d already", old->credential.user, old->line);
	e = create_entry(user, secret);
	e->line = l->line;
	trouble = sort_secret(l->users, e);
	if (trouble)
		complain(l, "user \"%s\": %s", e->credential.user, trouble);
	/* bad ones and doubles too: the load fails anyway, and their names are taken */
	insert_entry(l->users, e);
}

static void load_quoted(struct loader *l, struct span line, struct text *name, struct text *secret)
{
	bool is_name_good, is_secret_good;

	if (!take_quoted(l, &line, "user name", name))
		return;
	skip_blanks(&line);
	if (!take_quoted(l, &line, "secret", secret))
		return;
	skip_blanks(&line);
	if (line.size > 0)
		complain(l, "unexpected text behind the secret");
	is_name_good = is_text_good(l, name, "user name", NAME_BYTES);
	is_secret_good = is_text_good(l, secret, "secret", SECRET_BYTES);
	if (is_name_good && is_secret_good)
		load_user(l, span_make(name->data, name->size),
			  span_make(secret->data, secret->size));
}

static void load_line(struct loader *l, struct span line)
{
	struct text name, secret;

	skip_blanks(&line);
	if (line.size == 0 || line.data[0] == ';' || line.data[0] == '#')
		return;
	load_quoted(l, line, &name, &secret);
	OPENSSL_cleanse(&secret, sizeof secret);
}

static void load_lines(struct loader *l, struct span text)
{
	while (text.size > 0) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;

		l->line++;
		load_line(l, span_first(text, size));
		text = span_after(text, end ? size + 1 : size);
	}
}

struct credentials *credentials_load(struct span text, const uint8_t process_secret[32],
				     credentials_error *on_error, void *context)
{
	struct loader l = {
		.users = create_empty(process_secret),
		.on_error = on_error,
		.context = context,
	};

	load_lines(&l, text);
	if (l.errors > 0) {
		credentials_drop(l.users);
		return NULL;
	}
	derive_verifiers(l.users);
	return l.users;
}

/* --- md5 and comparison --- */

/* hex(md5(a + b)).  "-fips": the wire protocol asks for md5, which signs nothing here,
 * also where a system-wide policy prefers FIPS algorithms. */
static void hash_md5_hex(struct span a, struct span b, char out[MD5_HEX_BYTES + 1])
{
	EVP_MD *md5 = EVP_MD_fetch(NULL, "MD5", "-fips");
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	uint8_t sum[MD5_BYTES];

	ensure(md5 && hash);
	ensure(EVP_DigestInit_ex(hash, md5, NULL) && EVP_DigestUpdate(hash, a.data, a.size) &&
	       EVP_DigestUpdate(hash, b.data, b.size) && EVP_DigestFinal_ex(hash, sum, NULL));
	EVP_MD_CTX_free(hash);
	EVP_MD_free(md5);
	for (size_t i = 0; i < MD5_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
	OPENSSL_cleanse(sum, sizeof sum);
}

void md5_response(const char md5_hex[32], const uint8_t salt[4], char out[36])
{
	memcpy(out, "md5", strlen("md5"));
	hash_md5_hex(span_make(md5_hex, MD5_HEX_BYTES), span_make(salt, 4), out + strlen("md5"));
}

void md5_hex_from_password(const char *password, const char *user, char out[33])
{
	hash_md5_hex(span_of(password), span_of(user), out);
}

bool secret_equal(struct span a, struct span b)
{
	return a.size == b.size && CRYPTO_memcmp(a.data, b.data, a.size) == 0;
}
