/*
 * The users of users_file: name → secret.  A snapshot, immutable after it was
 * loaded, shared by all threads, reference counted with atomics.  Secrets are
 * wiped when it ends.
 */
#ifndef PGWEIR_AUTH_CREDENTIAL_H
#define PGWEIR_AUTH_CREDENTIAL_H

#include "auth/scram.h"
#include "base/span.h"

#include <stdbool.h>

enum secret_kind {
	SECRET_PASSWORD, /* clear text: serves SCRAM, md5 and cleartext */
	SECRET_SCRAM, /* "SCRAM-SHA-256$...": SCRAM only, both sides by pass-through */
	SECRET_MD5, /* "md5" + 32 hex digits of md5(password + user): md5 only */
};

struct credential {
	const char *user;
	enum secret_kind kind;
	const char *password; /* SECRET_PASSWORD */
	const char *md5_hex; /* SECRET_MD5: the 32 digits, without "md5" */
	struct scram_verifier verifier; /* SECRET_PASSWORD and SECRET_SCRAM */
};

struct credentials;

/* What loading complains of: one call for each error, with the line (from 1). */
typedef void credentials_error(void *context, int line, const char *message);

/* Lines `"name" "secret"` (a doubled quote stands for one), blank lines, lines
 * that begin with ';' or '#'.  `text` is the file's content, the caller's to wipe.
 * A secret that begins with "SCRAM-SHA-256$" or "md5" is a hash and must be a whole
 * one; control characters, empty texts, names past 63 bytes and secrets past 1024
 * are errors.  `process_secret` (32 random bytes, stable for the life of the process)
 * makes the salts of clear passwords and of unknown users.  NULL after errors; the
 * caller holds the result. */
struct credentials *credentials_load(struct span text, const uint8_t process_secret[32],
				     credentials_error *on_error, void *context);
/* Adds or replaces a user before the snapshot is shared (the start URL's user). */
void credentials_add(struct credentials *users, const char *user, const char *password);
struct credentials *credentials_hold(struct credentials *users);
void credentials_drop(struct credentials *users);

/* NULL for an unknown user; valid as long as the snapshot is held. */
const struct credential *credentials_find(const struct credentials *users, struct span user);
/* What an unknown user's exchange runs with: a salt that is always the same for
 * the same name, keys that nothing matches. */
void credentials_mock(const struct credentials *users, struct span user, struct scram_verifier *v);

/* "md5" + hex(md5(md5_hex + salt)): what the md5 method sends.  out: 36 bytes. */
void md5_response(const char md5_hex[32], const uint8_t salt[4], char out[36]);
/* hex(md5(password + user)), 32 digits and a NUL. */
void md5_hex_from_password(const char *password, const char *user, char out[33]);
/* Equal?  In a time that depends on nothing but the lengths. */
bool secret_equal(struct span a, struct span b);

#endif
