/*
 * SCRAM-SHA-256 as scram.h promises it.  Does not read sockets, choose nonces or
 * look users up.  Runs on any thread: all state is in the caller's structs.
 *
 * Invariants: a message is checked for its size and for NULs before anything
 * else is read, so texts kept in the structs are C strings that fit; what
 * depends on a secret is compared with CRYPTO_memcmp only; a key never stays on
 * the stack behind a return.
 *
 *     client                                              server
 *       | -- gs2-header client-first-bare ----------------> |
 *       | <------------------------------- server-first --- |
 *       | -- client-final-without-proof ,p=proof ---------> |
 *       | <------------------------------- server-final --- |
 *
 *     AuthMessage = client-first-bare , server-first , client-final-without-proof
 *     proof       = ClientKey xor HMAC(SHA-256(ClientKey), AuthMessage)
 */
#include "auth/scram.h"

#include "auth/attribute.h"
#include "base/ensure.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum {
	BASE64_KEY_BYTES = 44, /* a key or a proof as base64 */
	BASE64_NONCE_BYTES = 24,
	BASE64_BYTES = 4 * ((SCRAM_MAX_SALT_BYTES + 2) / 3), /* the longest that we accept */
};

#define VERIFIER_PREFIX "SCRAM-SHA-256$"

struct auth_message {
	char data[3 * SCRAM_MESSAGE_BYTES];
	size_t size; /* bytes */
};

/* --- hashes --- */

/* HMAC() fetches its algorithm at each call, 1.6 us in all; a context that is kept
 * saves less than a microsecond for each login, and would be state to share. */
static void hash_with_key(const uint8_t key[SCRAM_KEY_BYTES], struct span text,
			  uint8_t out[SCRAM_KEY_BYTES])
{
	unsigned int size = 0;

	ensure(HMAC(EVP_sha256(), key, SCRAM_KEY_BYTES, (const unsigned char *)text.data,
		    text.size, out, &size));
	ensure(size == SCRAM_KEY_BYTES);
}

static void hash_key(const uint8_t key[SCRAM_KEY_BYTES], uint8_t out[SCRAM_KEY_BYTES])
{
	ensure(EVP_Digest(key, SCRAM_KEY_BYTES, out, NULL, EVP_sha256(), NULL));
}

static void xor_key(uint8_t key[SCRAM_KEY_BYTES], const uint8_t with[SCRAM_KEY_BYTES])
{
	for (size_t i = 0; i < SCRAM_KEY_BYTES; i++)
		key[i] ^= with[i];
}

/* PostgreSQL normalises a password that is valid UTF-8 and not ASCII with SASLprep
 * (NFKC).  No library of ours does that, so such a password is taken as its raw
 * bytes: the same thing when it is in normal form already, which what keyboards
 * produce nearly always is.  For the rest a verifier does not need to know it. */
static void derive_keys(struct span password, struct span salt, int iterations,
			struct scram_keys *keys)
{
	uint8_t salted[SCRAM_KEY_BYTES];

	ensure(password.size <= INT_MAX);
	ensure(PKCS5_PBKDF2_HMAC(password.data, (int)password.size,
				 (const unsigned char *)salt.data, (int)salt.size, iterations,
				 EVP_sha256(), SCRAM_KEY_BYTES, salted));
	hash_with_key(salted, span_of("Client Key"), keys->client_key);
	hash_with_key(salted, span_of("Server Key"), keys->server_key);
	OPENSSL_cleanse(salted, sizeof salted);
}

static void make_auth_message(struct auth_message *m, struct span client_first_bare,
			      struct span server_first, struct span without_proof)
{
	const struct span parts[] = { client_first_bare, span_of(","), server_first, span_of(","),
				      without_proof };

	m->size = 0;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		ensure(parts[i].size <= sizeof m->data - m->size);
		memcpy(m->data + m->size, parts[i].data, parts[i].size);
		m->size += parts[i].size;
	}
}

/* --- base64 --- */

/* Strict: only the one text that encodes the bytes is accepted.  EVP_DecodeBlock
 * takes blanks and stray bits too, hence the way back and the comparison; on
 * nothing but blanks it would look one byte past the end. */
static bool read_base64(struct span text, uint8_t *out, size_t capacity, size_t *size)
{
	uint8_t bytes[BASE64_BYTES / 4 * 3];
	char again[BASE64_BYTES + 1];
	size_t padding = 0;
	int decoded;

	if (text.size == 0 || text.size > BASE64_BYTES || text.size % 4 != 0 ||
	    text.data[0] <= ' ')
		return false;
	while (padding < 2 && text.data[text.size - 1 - padding] == '=')
		padding++;
	decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text.data, (int)text.size);
	if (decoded != (int)(text.size / 4 * 3))
		return false;
	*size = (size_t)decoded - padding;
	if (*size > capacity)
		return false;
	EVP_EncodeBlock((unsigned char *)again, bytes, (int)*size);
	memcpy(out, bytes, *size);
	return span_is(text, again);
}

static bool read_base64_key(struct span text, uint8_t out[SCRAM_KEY_BYTES])
{
	size_t size;

	return read_base64(text, out, SCRAM_KEY_BYTES, &size) && size == SCRAM_KEY_BYTES;
}

/* --- making messages --- */

/* One byte stays free: the structs keep messages as C strings. */
static bool add_text(struct scram_message *m, struct span text)
{
	if (text.size > sizeof m->data - 1 - m->size)
		return false;
	memcpy(m->data + m->size, text.data, text.size);
	m->size += text.size;
	return true;
}

static bool add_base64(struct scram_message *m, const uint8_t *data, size_t size)
{
	char text[BASE64_BYTES + 1];

	ensure(size <= SCRAM_MAX_SALT_BYTES);
	EVP_EncodeBlock((unsigned char *)text, data, (int)size);
	return add_text(m, span_of(text));
}

static struct span span_of_message(const struct scram_message *m)
{
	return span_make(m->data, m->size);
}

static void copy_text(char *to, size_t capacity, struct span text)
{
	ensure(text.size < capacity);
	memcpy(to, text.data, text.size);
	to[text.size] = '\0';
}

/* --- verifiers --- */

bool scram_verifier_parse(struct span text, struct scram_verifier *v)
{
	struct span iterations, salt, stored_key;

	if (!span_starts_with(text, VERIFIER_PREFIX))
		return false;
	text = span_after(text, strlen(VERIFIER_PREFIX));
	return attribute_take_until(&text, ':', &iterations) &&
	       attribute_take_until(&text, '$', &salt) &&
	       attribute_take_until(&text, ':', &stored_key) &&
	       attribute_read_number(iterations, &v->iterations) &&
	       v->iterations > 0 && v->iterations < INT_MAX &&
	       read_base64(salt, v->salt, sizeof v->salt, &v->salt_size) &&
	       read_base64_key(stored_key, v->stored_key) && read_base64_key(text, v->server_key);
}

void scram_verifier_from_password(struct span password, const uint8_t salt[SCRAM_SALT_BYTES],
				  struct scram_verifier *v)
{
	struct scram_keys keys;

	v->iterations = SCRAM_ITERATIONS;
	v->salt_size = SCRAM_SALT_BYTES;
	memcpy(v->salt, salt, SCRAM_SALT_BYTES);
	derive_keys(password, span_make(salt, SCRAM_SALT_BYTES), v->iterations, &keys);
	hash_key(keys.client_key, v->stored_key);
	memcpy(v->server_key, keys.server_key, SCRAM_KEY_BYTES);
	OPENSSL_cleanse(&keys, sizeof keys);
}

/* --- the server's side --- */

void scram_server_init(struct scram_server *s, const struct scram_verifier *verifier, bool is_mock)
{
	*s = (struct scram_server){ .verifier = verifier, .is_mock = is_mock };
}

/* "n,," or "y,,": 'y' says that the client could bind channels but saw that we
 * do not offer it, which is true. */
static enum scram_result take_gs2_header(struct span *left, char *flag)
{
	if (left->data[0] == 'p')
		return SCRAM_UNSUPPORTED;
	if (left->data[0] != 'n' && left->data[0] != 'y')
		return SCRAM_MALFORMED;
	*flag = left->data[0];
	*left = span_after(*left, 1);
	if (!attribute_take_char(left, ','))
		return SCRAM_MALFORMED;
	if (span_starts_with(*left, "a="))
		return SCRAM_UNSUPPORTED;
	return attribute_take_char(left, ',') ? SCRAM_OK : SCRAM_MALFORMED;
}

static enum scram_result read_client_first_bare(struct span bare, struct span *nonce)
{
	struct span user;

	if (span_starts_with(bare, "m="))
		return SCRAM_UNSUPPORTED;
	if (!attribute_take(&bare, 'n', &user) || !attribute_take_char(&bare, ',') ||
	    !attribute_take(&bare, 'r', nonce) || !attribute_is_nonce(*nonce))
		return SCRAM_MALFORMED;
	return attribute_skip_rest(bare);
}

/* False when the client's nonce leaves no room for the rest. */
static bool make_server_first(const struct scram_server *s, struct span client_nonce,
			      const uint8_t raw_nonce[SCRAM_RAW_NONCE_BYTES],
			      struct scram_message *reply)
{
	char iterations[16];

	snprintf(iterations, sizeof iterations, ",i=%d", s->verifier->iterations);
	return add_text(reply, span_of("r=")) && add_text(reply, client_nonce) &&
	       add_base64(reply, raw_nonce, SCRAM_RAW_NONCE_BYTES) &&
	       add_text(reply, span_of(",s=")) &&
	       add_base64(reply, s->verifier->salt, s->verifier->salt_size) &&
	       add_text(reply, span_of(iterations));
}

enum scram_result scram_server_first(struct scram_server *s, struct span client_first,
				     const uint8_t raw_nonce[SCRAM_RAW_NONCE_BYTES],
				     struct scram_message *reply)
{
	struct span bare = client_first, nonce;
	enum scram_result result;

	reply->size = 0;
	s->nonce[0] = '\0';
	if (!attribute_is_message(client_first))
		return SCRAM_MALFORMED;
	result = take_gs2_header(&bare, &s->gs2_header);
	if (result == SCRAM_OK)
		result = read_client_first_bare(bare, &nonce);
	if (result != SCRAM_OK)
		return result;
	if (!make_server_first(s, nonce, raw_nonce, reply)) {
		reply->size = 0;
		return SCRAM_MALFORMED;
	}
	copy_text(s->client_first_bare, sizeof s->client_first_bare, bare);
	copy_text(s->server_first, sizeof s->server_first, span_of_message(reply));
	copy_text(s->nonce, sizeof s->nonce,
		  span_make(reply->data + strlen("r="), nonce.size + BASE64_NONCE_BYTES));
	return SCRAM_OK;
}

/* The proof is the last attribute: what is before it is signed.  An extension
 * called "p" would be taken for it, as RFC 5802 reserves the letter. */
static bool cut_proof(struct span *message, struct span *proof)
{
	const size_t size = strlen(",p=") + BASE64_KEY_BYTES;

	if (message->size < size)
		return false;
	*proof = span_after(*message, message->size - size);
	*message = span_first(*message, message->size - size);
	if (!span_starts_with(*proof, ",p="))
		return false;
	*proof = span_after(*proof, strlen(",p="));
	return true;
}

static enum scram_result read_client_final(const struct scram_server *s, struct span message,
					   struct span *without_proof,
					   uint8_t proof[SCRAM_KEY_BYTES])
{
	const char *binding = s->gs2_header == 'n' ? "biws" : "eSws"; /* base64 of "n,,", "y,," */
	struct span value;

	/* no nonce: there was no first message, or the exchange is over */
	if (!attribute_is_message(message) || !s->nonce[0] || !cut_proof(&message, &value) ||
	    !read_base64_key(value, proof))
		return SCRAM_MALFORMED;
	*without_proof = message;
	if (!attribute_take(&message, 'c', &value) || !span_is(value, binding) ||
	    !attribute_take_char(&message, ',') || !attribute_take(&message, 'r', &value) ||
	    !span_is(value, s->nonce))
		return SCRAM_MALFORMED;
	return attribute_skip_rest(message);
}

/* Turns the proof into ClientKey.  Whoever has the verifier alone can do that, once
 * a client has shown its proof: this is what pass-through lives on. */
static bool open_proof(const struct scram_server *s, const struct auth_message *auth,
		       uint8_t proof[SCRAM_KEY_BYTES])
{
	uint8_t hash[SCRAM_KEY_BYTES];
	bool is_same;

	hash_with_key(s->verifier->stored_key, span_make(auth->data, auth->size), hash);
	xor_key(proof, hash);
	hash_key(proof, hash);
	is_same = CRYPTO_memcmp(hash, s->verifier->stored_key, SCRAM_KEY_BYTES) == 0;
	OPENSSL_cleanse(hash, sizeof hash);
	/* not &&: an unknown user's exchange takes the same steps */
	return is_same & !s->is_mock;
}

static void make_server_final(const struct scram_server *s, const struct auth_message *auth,
			      struct scram_message *reply)
{
	uint8_t signature[SCRAM_KEY_BYTES];

	hash_with_key(s->verifier->server_key, span_make(auth->data, auth->size), signature);
	ensure(add_text(reply, span_of("v=")));
	ensure(add_base64(reply, signature, sizeof signature));
}

enum scram_result scram_server_final(struct scram_server *s, struct span client_final,
				     struct scram_message *reply, struct scram_keys *keys)
{
	struct auth_message auth;
	struct span without_proof;
	enum scram_result result;

	reply->size = 0;
	result = read_client_final(s, client_final, &without_proof, keys->client_key);
	s->nonce[0] = '\0'; /* one proof for each exchange */
	if (result == SCRAM_OK) {
		make_auth_message(&auth, span_of(s->client_first_bare), span_of(s->server_first),
				  without_proof);
		memcpy(keys->server_key, s->verifier->server_key, SCRAM_KEY_BYTES);
		make_server_final(s, &auth, reply);
		if (open_proof(s, &auth, keys->client_key))
			return SCRAM_OK;
		result = SCRAM_DENIED;
	}
	OPENSSL_cleanse(keys, sizeof *keys);
	OPENSSL_cleanse(reply, sizeof *reply);
	return result;
}

/* --- the client's side --- */

void scram_client_init_password(struct scram_client *c, const char *password)
{
	*c = (struct scram_client){ .password = password };
}

void scram_client_init_keys(struct scram_client *c, const struct scram_keys *keys)
{
	*c = (struct scram_client){ .has_keys = true, .keys = *keys };
}

void scram_client_first(struct scram_client *c, const uint8_t raw_nonce[SCRAM_RAW_NONCE_BYTES],
			struct scram_message *message)
{
	struct span text;

	message->size = 0;
	ensure(add_text(message, span_of("n,,n=,r=")));
	ensure(add_base64(message, raw_nonce, SCRAM_RAW_NONCE_BYTES));
	text = span_of_message(message);
	copy_text(c->client_first_bare, sizeof c->client_first_bare,
		  span_after(text, strlen("n,,")));
	copy_text(c->nonce, sizeof c->nonce, span_after(text, strlen("n,,n=,r=")));
}

struct server_first {
	struct span nonce;
	uint8_t salt[SCRAM_MAX_SALT_BYTES];
	size_t salt_size; /* bytes */
	int iterations;
};

static enum scram_result read_server_first(const struct scram_client *c, struct span message,
					   struct server_first *f)
{
	struct span salt, iterations;
	enum scram_result result;

	if (!attribute_is_message(message) || !c->nonce[0])
		return SCRAM_MALFORMED;
	if (span_starts_with(message, "m="))
		return SCRAM_UNSUPPORTED;
	if (!attribute_take(&message, 'r', &f->nonce) || !attribute_is_nonce(f->nonce) ||
	    !span_starts_with(f->nonce, c->nonce) || f->nonce.size == strlen(c->nonce))
		return SCRAM_MALFORMED;
	if (!attribute_take_char(&message, ',') || !attribute_take(&message, 's', &salt) ||
	    !read_base64(salt, f->salt, sizeof f->salt, &f->salt_size) ||
	    !attribute_take_char(&message, ',') || !attribute_take(&message, 'i', &iterations) ||
	    !attribute_read_number(iterations, &f->iterations))
		return SCRAM_MALFORMED;
	result = attribute_skip_rest(message);
	if (result != SCRAM_OK)
		return result;
	/* too few would let a hostile server guess the password cheaply */
	if (f->iterations < SCRAM_MIN_ITERATIONS || f->iterations > SCRAM_MAX_ITERATIONS)
		return SCRAM_TOO_COSTLY;
	return SCRAM_OK;
}

static void prove(struct scram_client *c, const struct server_first *f,
		  const struct auth_message *auth, uint8_t proof[SCRAM_KEY_BYTES])
{
	const struct span signed_text = span_make(auth->data, auth->size);
	struct scram_keys keys = c->keys;
	uint8_t stored_key[SCRAM_KEY_BYTES];

	if (!c->has_keys)
		derive_keys(span_of(c->password), span_make(f->salt, f->salt_size), f->iterations,
			    &keys);
	hash_key(keys.client_key, stored_key);
	hash_with_key(stored_key, signed_text, proof);
	xor_key(proof, keys.client_key);
	hash_with_key(keys.server_key, signed_text, c->server_signature);
	c->is_proved = true;
	OPENSSL_cleanse(&keys, sizeof keys);
	OPENSSL_cleanse(stored_key, sizeof stored_key);
}

enum scram_result scram_client_final(struct scram_client *c, struct span server_first,
				     struct scram_message *message)
{
	struct server_first f;
	struct auth_message auth;
	uint8_t proof[SCRAM_KEY_BYTES];
	enum scram_result result;

	message->size = 0;
	c->is_proved = false;
	result = read_server_first(c, server_first, &f);
	if (result != SCRAM_OK)
		return result;
	/* asked before anything is derived: a nonce may leave no room for the proof */
	if (f.nonce.size > SCRAM_MESSAGE_BYTES - 1 - strlen("c=biws,r=,p=") - BASE64_KEY_BYTES)
		return SCRAM_MALFORMED;
	ensure(add_text(message, span_of("c=biws,r=")) && add_text(message, f.nonce));
	make_auth_message(&auth, span_of(c->client_first_bare), server_first,
			  span_of_message(message));
	prove(c, &f, &auth, proof);
	ensure(add_text(message, span_of(",p=")) && add_base64(message, proof, sizeof proof));
	return SCRAM_OK;
}

enum scram_result scram_client_verify(struct scram_client *c, struct span server_final)
{
	uint8_t signature[SCRAM_KEY_BYTES];
	struct span value;
	char name;

	/* A server that skips its first message must not meet a signature of zeros. */
	if (!attribute_is_message(server_final) || !c->is_proved ||
	    !attribute_take_any(&server_final, &name, &value))
		return SCRAM_MALFORMED;
	if (name == 'e')
		return SCRAM_DENIED;
	if (name != 'v' || !read_base64_key(value, signature))
		return SCRAM_MALFORMED;
	if (attribute_skip_rest(server_final) != SCRAM_OK)
		return SCRAM_MALFORMED;
	return CRYPTO_memcmp(signature, c->server_signature, SCRAM_KEY_BYTES) == 0 ? SCRAM_OK :
										      SCRAM_DENIED;
}

void scram_client_finish(struct scram_client *c)
{
	OPENSSL_cleanse(c, sizeof *c);
}
