/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding: both sides, as
 * small state machines without I/O, clock or randomness.  Messages are bytes in
 * caller's buffers; nonces come as arguments.  User names inside SCRAM are
 * ignored, as PostgreSQL does (libpq sends an empty one).
 */
#ifndef PGWEIR_AUTH_SCRAM_H
#define PGWEIR_AUTH_SCRAM_H

#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCRAM_KEY_BYTES = 32,
	SCRAM_SALT_BYTES = 16, /* of the salts that we make */
	SCRAM_MAX_SALT_BYTES = 256, /* of those that we accept */
	SCRAM_RAW_NONCE_BYTES = 18, /* sent as 24 characters of base64 */
	SCRAM_MESSAGE_BYTES = 2048, /* no longer message is made or accepted */
	SCRAM_ITERATIONS = 4096,
	SCRAM_MIN_ITERATIONS = 4096,
	SCRAM_MAX_ITERATIONS = 100000, /* a hostile server may not ask for more */
};

/* What "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey" holds. */
struct scram_verifier {
	int iterations;
	size_t salt_size; /* bytes */
	uint8_t salt[SCRAM_MAX_SALT_BYTES];
	uint8_t stored_key[SCRAM_KEY_BYTES];
	uint8_t server_key[SCRAM_KEY_BYTES];
};

/* What logs in to a server without a password: taken from a client's proof. */
struct scram_keys {
	uint8_t client_key[SCRAM_KEY_BYTES];
	uint8_t server_key[SCRAM_KEY_BYTES];
};

enum scram_result {
	SCRAM_OK,
	SCRAM_MALFORMED, /* the peer broke the protocol: 08P01 */
	SCRAM_DENIED, /* a wrong proof or signature: 28P01 */
	SCRAM_UNSUPPORTED, /* channel binding or an extension that we do not offer: 08P01 / 0A000 */
	SCRAM_TOO_COSTLY, /* more iterations than SCRAM_MAX_ITERATIONS, or too few */
};

/* A message that a side made. */
struct scram_message {
	char data[SCRAM_MESSAGE_BYTES];
	size_t size; /* bytes */
};

/* Parses the text form; false when it is not one. */
bool scram_verifier_parse(struct span text, struct scram_verifier *v);
/* Costs SCRAM_ITERATIONS of HMAC-SHA-256, 0.8 ms.  The password is taken as
 * it is when SASLprep does not apply (ASCII), as PostgreSQL does for invalid UTF-8. */
void scram_verifier_from_password(struct span password, const uint8_t salt[SCRAM_SALT_BYTES],
				  struct scram_verifier *v);

/* --- the server's side: a client logs in to pgweir --- */
struct scram_server {
	const struct scram_verifier *verifier; /* the caller's, outlives the exchange */
	bool is_mock; /* the user is unknown: everything runs, nothing ever matches */
	char client_first_bare[SCRAM_MESSAGE_BYTES];
	char server_first[SCRAM_MESSAGE_BYTES];
	char nonce[SCRAM_MESSAGE_BYTES]; /* the client's part, then ours */
	char gs2_header; /* 'n' or 'y' */
};

void scram_server_init(struct scram_server *s, const struct scram_verifier *verifier, bool is_mock);
/* client-first-message → server-first-message. */
enum scram_result scram_server_first(struct scram_server *s, struct span client_first,
				     const uint8_t raw_nonce[SCRAM_RAW_NONCE_BYTES],
				     struct scram_message *reply);
/* client-final-message → server-final-message, and the keys for pass-through
 * (wipe them with OPENSSL_cleanse when done). */
enum scram_result scram_server_final(struct scram_server *s, struct span client_final,
				     struct scram_message *reply, struct scram_keys *keys);

/* --- the client's side: pgweir logs in to a PostgreSQL server --- */
struct scram_client {
	bool has_keys;
	struct scram_keys keys; /* when has_keys */
	const char *password; /* when not; borrowed, NUL-terminated */
	char client_first_bare[128];
	char nonce[64];
	bool is_proved; /* server_signature is known */
	uint8_t server_signature[SCRAM_KEY_BYTES];
};

void scram_client_init_password(struct scram_client *c, const char *password);
void scram_client_init_keys(struct scram_client *c, const struct scram_keys *keys);
void scram_client_first(struct scram_client *c, const uint8_t raw_nonce[SCRAM_RAW_NONCE_BYTES],
			struct scram_message *message);
enum scram_result scram_client_final(struct scram_client *c, struct span server_first,
				     struct scram_message *message);
/* Is the server the one that knows our verifier? */
enum scram_result scram_client_verify(struct scram_client *c, struct span server_final);
/* Wipes what is secret. */
void scram_client_finish(struct scram_client *c);

#endif
