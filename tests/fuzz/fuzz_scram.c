/*
 * Feeds both sides of SCRAM with a peer's messages and holds them to a second,
 * slower reading of RFC 5802 below: accepted exactly when that one accepts.
 *
 * Input: 'S' (our server's side) or 'C' (our client's), then two messages with a
 * line feed between them.  So that a blind search can succeed, '@' in them stands
 * for the nonce so far and '!' for the right proof or signature.
 */
#include "exact.h"

#include "auth/scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	TEXT_BYTES = 8 * SCRAM_MESSAGE_BYTES,
	PARTS = SCRAM_MESSAGE_BYTES,
	BASE64_KEY_BYTES = 44,
};

static const uint8_t client_nonce[SCRAM_RAW_NONCE_BYTES] = "client nonce 1234";
static const uint8_t server_nonce[SCRAM_RAW_NONCE_BYTES] = "server nonce 5678";
#define CLIENT_NONCE "Y2xpZW50IG5vbmNlIDEyMzQA"
#define SERVER_NONCE "c2VydmVyIG5vbmNlIDU2NzgA"
#define SALT "U0FMVFNBTFRTQUxUU0FMVA=="

static const struct scram_keys keys = {
	.client_key = "the client key: any 32 bytes do",
	.server_key = "the server key: any 32 bytes do",
};

struct text {
	char data[TEXT_BYTES];
	size_t size; /* bytes */
};

static struct span span_of_text(const struct text *t)
{
	return span_make(t->data, t->size);
}

static void add(struct text *t, struct span more)
{
	if (more.size > sizeof t->data - t->size)
		more.size = sizeof t->data - t->size;
	if (more.size)
		memcpy(t->data + t->size, more.data, more.size);
	t->size += more.size;
}

/* --- the model --- */

struct parts {
	struct span of[PARTS];
	size_t count;
};

/* Everything between commas; false unless each part is "letter=…" without NUL. */
static bool split(struct span message, struct parts *parts)
{
	size_t start = 0;

	parts->count = 0;
	if (message.size == 0 || message.size > SCRAM_MESSAGE_BYTES)
		return false;
	for (size_t at = 0; at <= message.size; at++) {
		if (at < message.size && message.data[at] == '\0')
			return false;
		if (at < message.size && message.data[at] != ',')
			continue;
		parts->of[parts->count++] = span_make(message.data + start, at - start);
		start = at + 1;
	}
	for (size_t i = 0; i < parts->count; i++) {
		char letter = parts->of[i].size >= 2 ? (char)(parts->of[i].data[0] | 0x20) : 0;

		if (letter < 'a' || letter > 'z' || parts->of[i].data[1] != '=')
			return false;
	}
	return true;
}

static bool is_any_mandatory(const struct parts *parts, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (parts->of[i].data[0] == 'm')
			return true;
	}
	return false;
}

static bool is_printable(struct span text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] <= ' ' || text.data[i] == 0x7f)
			return false;
	}
	return text.size > 0;
}

/* The bytes of strict base64; 0: it is none. */
static size_t base64_size(struct span text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t count = text.size, padding;

	while (count > 0 && text.data[count - 1] == '=')
		count--;
	padding = text.size - count;
	if (text.size == 0 || text.size % 4 != 0 || padding > 2)
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (!text.data[i] || !strchr(digits, text.data[i]))
			return 0;
	}
	if (padding > 0 && (strchr(digits, text.data[count - 1]) - digits) %
					   (padding == 1 ? 4 : 16) != 0)
		return 0;
	return text.size / 4 * 3 - padding;
}

/* -1: no number. */
static long long number_of(struct span text)
{
	char copy[20] = "";

	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
	}
	if (text.size == 0 || (text.size > 1 && text.data[0] == '0'))
		return -1;
	memcpy(copy, text.data, text.size < 18 ? text.size : 18);
	return atoll(copy);
}

static void sign(const uint8_t key[SCRAM_KEY_BYTES], const struct text *auth,
		 uint8_t out[SCRAM_KEY_BYTES])
{
	ensure(HMAC(EVP_sha256(), key, SCRAM_KEY_BYTES, (const uint8_t *)auth->data, auth->size,
		    out, NULL));
}

static void make_proof(const struct text *auth, char out[BASE64_KEY_BYTES + 1])
{
	uint8_t stored_key[SCRAM_KEY_BYTES], proof[SCRAM_KEY_BYTES];

	ensure(EVP_Digest(keys.client_key, SCRAM_KEY_BYTES, stored_key, NULL, EVP_sha256(), NULL));
	sign(stored_key, auth, proof);
	for (int i = 0; i < SCRAM_KEY_BYTES; i++)
		proof[i] ^= keys.client_key[i];
	EVP_EncodeBlock((uint8_t *)out, proof, SCRAM_KEY_BYTES);
}

static void make_signature(const struct text *auth, char out[BASE64_KEY_BYTES + 1])
{
	uint8_t signature[SCRAM_KEY_BYTES];

	sign(keys.server_key, auth, signature);
	EVP_EncodeBlock((uint8_t *)out, signature, SCRAM_KEY_BYTES);
}

static void make_auth_message(struct text *auth, struct span first_bare, struct span server_first,
			      struct span without_proof)
{
	auth->size = 0;
	add(auth, first_bare);
	add(auth, span_of(","));
	add(auth, server_first);
	add(auth, span_of(","));
	add(auth, without_proof);
}

/* --- our server's side --- */

static bool model_accepts_client_first(struct span message, struct span *nonce)
{
	static struct parts parts;
	size_t reply_size;

	if (message.size < 3 || message.size > SCRAM_MESSAGE_BYTES ||
	    (message.data[0] != 'n' && message.data[0] != 'y') || message.data[1] != ',' ||
	    message.data[2] != ',' || !split(span_after(message, 3), &parts))
		return false;
	if (parts.count < 2 || parts.of[0].data[0] != 'n' || parts.of[1].data[0] != 'r' ||
	    is_any_mandatory(&parts, 0, parts.count))
		return false;
	*nonce = span_after(parts.of[1], 2);
	reply_size = strlen("r=,s=,i=4096" SERVER_NONCE SALT) + nonce->size;
	return is_printable(*nonce) && reply_size < SCRAM_MESSAGE_BYTES;
}

/* The proof over what was written so far, but for ",p=". */
static void expand_client_final(struct text *out, struct span in, struct span first_bare,
				struct span server_first, struct span nonce)
{
	static struct text auth;
	char proof[BASE64_KEY_BYTES + 1];

	out->size = 0;
	for (size_t i = 0; i < in.size; i++) {
		struct span so_far = span_of_text(out);

		if (in.data[i] == '@') {
			add(out, nonce);
			add(out, span_of(SERVER_NONCE));
		} else if (in.data[i] == '!') {
			so_far.size -= so_far.size < 3 ? 0 : 3;
			make_auth_message(&auth, first_bare, server_first, so_far);
			make_proof(&auth, proof);
			add(out, span_of(proof));
		} else {
			add(out, span_make(in.data + i, 1));
		}
	}
}

static bool model_accepts_client_final(struct span message, char flag, struct span first_bare,
				       struct span server_first, struct span nonce)
{
	static struct parts parts;
	static struct text auth, full_nonce;
	char proof[BASE64_KEY_BYTES + 1];
	struct span last;

	if (!split(message, &parts) || parts.count < 3)
		return false;
	full_nonce.size = 0;
	add(&full_nonce, span_of("r="));
	add(&full_nonce, nonce);
	add(&full_nonce, span_of(SERVER_NONCE));
	last = parts.of[parts.count - 1];
	make_auth_message(&auth, first_bare, server_first,
			  span_first(message, message.size - last.size - 1));
	make_proof(&auth, proof);
	return span_is(parts.of[0], flag == 'n' ? "c=biws" : "c=eSws") &&
	       span_equal(parts.of[1], span_of_text(&full_nonce)) &&
	       !is_any_mandatory(&parts, 2, parts.count) && span_starts_with(last, "p=") &&
	       span_is(span_after(last, 2), proof);
}

static void make_verifier(struct scram_verifier *v)
{
	*v = (struct scram_verifier){ .iterations = 4096, .salt_size = SCRAM_SALT_BYTES };
	memcpy(v->salt, "SALTSALTSALTSALT", SCRAM_SALT_BYTES);
	memcpy(v->server_key, keys.server_key, SCRAM_KEY_BYTES);
	ensure(EVP_Digest(keys.client_key, SCRAM_KEY_BYTES, v->stored_key, NULL, EVP_sha256(),
			  NULL));
}

static void feed_server(struct span client_first, struct span client_final)
{
	static struct text final_text;
	struct scram_verifier verifier;
	struct scram_server s, mock;
	struct scram_message server_first, reply;
	struct scram_keys found;
	enum scram_result result;
	struct span bare, first_text, exact, nonce = { 0 };
	bool is_good = model_accepts_client_first(client_first, &nonce);

	make_verifier(&verifier);
	scram_server_init(&s, &verifier, false);
	exact = exact_copy(client_first);
	result = scram_server_first(&s, exact, server_nonce, &server_first);
	exact_free(exact);
	ensure((result == SCRAM_OK) == is_good);
	if (!is_good)
		return;
	mock = s;
	mock.is_mock = true;
	bare = span_after(client_first, strlen("n,,"));
	first_text = span_make(server_first.data, server_first.size);
	expand_client_final(&final_text, client_final, bare, first_text, nonce);
	is_good = model_accepts_client_final(span_of_text(&final_text), client_first.data[0], bare,
					     first_text, nonce);
	exact = exact_copy(span_of_text(&final_text));
	result = scram_server_final(&s, exact, &reply, &found);
	ensure((result == SCRAM_OK) == is_good);
	if (is_good)
		ensure(memcmp(&found, &keys, sizeof keys) == 0);
	ensure(scram_server_final(&mock, exact, &reply, &found) ==
	       (is_good ? SCRAM_DENIED : result));
	exact_free(exact);
}

/* --- our client's side --- */

static void expand(struct text *out, struct span in, char mark, const char *meaning)
{
	out->size = 0;
	for (size_t i = 0; i < in.size; i++)
		add(out, in.data[i] == mark ? span_of(meaning) : span_make(in.data + i, 1));
}

static bool model_accepts_server_first(struct span message, struct span *nonce)
{
	static struct parts parts;
	size_t salt_size;
	long long iterations;

	if (!split(message, &parts) || parts.count < 3 ||
	    is_any_mandatory(&parts, 0, parts.count) || parts.of[0].data[0] != 'r' ||
	    parts.of[1].data[0] != 's' || parts.of[2].data[0] != 'i')
		return false;
	*nonce = span_after(parts.of[0], 2);
	salt_size = base64_size(span_after(parts.of[1], 2));
	iterations = number_of(span_after(parts.of[2], 2));
	return is_printable(*nonce) && span_starts_with(*nonce, CLIENT_NONCE) &&
	       !span_is(*nonce, CLIENT_NONCE) && salt_size >= 1 &&
	       salt_size <= SCRAM_MAX_SALT_BYTES && iterations >= SCRAM_MIN_ITERATIONS &&
	       iterations <= SCRAM_MAX_ITERATIONS &&
	       nonce->size + strlen("c=biws,r=,p=") + BASE64_KEY_BYTES < SCRAM_MESSAGE_BYTES;
}

static bool model_accepts_server_final(struct span message, const char *signature)
{
	static struct parts parts;

	return split(message, &parts) && span_starts_with(parts.of[0], "v=") &&
	       span_is(span_after(parts.of[0], 2), signature) &&
	       !is_any_mandatory(&parts, 1, parts.count);
}

static void feed_client(struct span server_first, struct span server_final)
{
	static struct text first_text, final_text, auth;
	struct scram_client c;
	struct scram_message first, final;
	struct span without_proof, exact, nonce;
	char signature[BASE64_KEY_BYTES + 1], proof[BASE64_KEY_BYTES + 1];
	bool is_good;

	scram_client_init_keys(&c, &keys);
	scram_client_first(&c, client_nonce, &first);
	expand(&first_text, server_first, '@', CLIENT_NONCE);
	is_good = model_accepts_server_first(span_of_text(&first_text), &nonce);
	exact = exact_copy(span_of_text(&first_text));
	ensure((scram_client_final(&c, exact, &final) == SCRAM_OK) == is_good);
	exact_free(exact);
	if (!is_good) {
		ensure(scram_client_verify(&c, server_final) != SCRAM_OK);
		return;
	}
	without_proof = span_make(final.data, final.size - strlen(",p=") - BASE64_KEY_BYTES);
	make_auth_message(&auth, span_of("n=,r=" CLIENT_NONCE), span_of_text(&first_text),
			  without_proof);
	make_proof(&auth, proof);
	make_signature(&auth, signature);
	ensure(span_is(span_make(final.data + final.size - BASE64_KEY_BYTES, BASE64_KEY_BYTES),
		       proof));
	expand(&final_text, server_final, '!', signature);
	is_good = model_accepts_server_final(span_of_text(&final_text), signature);
	exact = exact_copy(span_of_text(&final_text));
	ensure((scram_client_verify(&c, exact) == SCRAM_OK) == is_good);
	exact_free(exact);
	scram_client_finish(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span input = span_make(data, size), first, rest;
	const char *end;

	if (size < 1 || size > TEXT_BYTES / 2)
		return 0;
	first = span_after(input, 1);
	end = first.size ? memchr(first.data, '\n', first.size) : NULL;
	rest = end ? span_after(first, (size_t)(end + 1 - first.data)) : span_make(NULL, 0);
	if (end)
		first.size = (size_t)(end - first.data);
	if (data[0] == 'S')
		feed_server(first, rest);
	else
		feed_client(first, rest);
	return 0;
}
