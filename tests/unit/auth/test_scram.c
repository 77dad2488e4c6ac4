/*
 * SCRAM: the RFC's own exchange, a verifier that PostgreSQL 15 made, both sides
 * against each other, no message believed that was cut or changed anywhere.
 */
#include "auth/exchange.h"

/* --- known answers --- */

#define RFC_FIRST_BARE "n=user,r=rOprNGfwEbeRWgbNEkqO"
#define RFC_NONCE "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define RFC_SERVER_FIRST "r=" RFC_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define RFC_CLIENT_FINAL "c=biws,r=" RFC_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define RFC_SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

/* The nonces of RFC 7677 are no base64 of 18 bytes, so they go in by hand. */
static void rfc_7677_client(void **state)
{
	struct scram_client c;
	struct scram_message m;

	(void)state;
	scram_client_init_password(&c, "pencil");
	strcpy(c.client_first_bare, RFC_FIRST_BARE);
	strcpy(c.nonce, "rOprNGfwEbeRWgbNEkqO");
	assert_int_equal(scram_client_final(&c, span_of(RFC_SERVER_FIRST), &m), SCRAM_OK);
	assert_true(span_is(span_of_message(&m), RFC_CLIENT_FINAL));
	assert_int_equal(scram_client_verify(&c, span_of(RFC_SERVER_FINAL)), SCRAM_OK);
	scram_client_finish(&c);
}

static void rfc_7677_server(void **state)
{
	struct scram_verifier v;
	struct scram_server s;
	struct scram_message m;
	struct scram_keys keys;
	const char *const salt_text = "W22ZaJ0SNY7soEsUEjb6gQ==";
	uint8_t salt[18];

	(void)state;
	assert_int_equal(EVP_DecodeBlock(salt, (const uint8_t *)salt_text, 24), 18);
	scram_verifier_from_password(span_of("pencil"), salt, &v);
	scram_server_init(&s, &v, false);
	assert_int_equal(scram_server_first(&s, span_of("n,," RFC_FIRST_BARE), server_nonce, &m),
			 SCRAM_OK);
	strcpy(s.server_first, RFC_SERVER_FIRST);
	strcpy(s.nonce, RFC_NONCE);
	assert_int_equal(scram_server_final(&s, span_of(RFC_CLIENT_FINAL), &m, &keys), SCRAM_OK);
	assert_true(span_is(span_of_message(&m), RFC_SERVER_FINAL));
}

static void verifier_is_the_one_postgres_makes(void **state)
{
	struct scram_verifier v = verifier_of_postgres(), ours;

	(void)state;
	assert_int_equal(v.iterations, 4096);
	assert_int_equal(v.salt_size, SCRAM_SALT_BYTES);
	scram_verifier_from_password(span_of(PASSWORD), v.salt, &ours);
	assert_int_equal(ours.iterations, v.iterations);
	assert_memory_equal(ours.salt, v.salt, SCRAM_SALT_BYTES);
	assert_memory_equal(ours.stored_key, v.stored_key, SCRAM_KEY_BYTES);
	assert_memory_equal(ours.server_key, v.server_key, SCRAM_KEY_BYTES);

	assert_true(scram_verifier_parse(span_of(POSTGRES_VERIFIER_UTF8), &v));
	scram_verifier_from_password(span_of("p\xc3\xa4ssw\xc3\xb6rd"), v.salt, &ours);
	assert_memory_equal(ours.stored_key, v.stored_key, SCRAM_KEY_BYTES);
}

static void messages_are_what_libpq_sends(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	start(&x, false);
	assert_true(span_is(span_of_message(&x.client_first), "n,,n=,r=" CLIENT_NONCE));
	assert_true(span_is(span_of_message(&x.server_first),
			    "r=" CLIENT_NONCE SERVER_NONCE
			    ",s=xNUmo/KfXHbKc15aehDnXQ==,i=4096"));
	assert_true(span_starts_with(span_of_message(&x.client_final),
				     "c=biws,r=" CLIENT_NONCE SERVER_NONCE ",p="));
}

static void password_opens(void **state)
{
	struct exchange x = { .verifier = verifier_of_postgres() };

	(void)state;
	scram_client_init_password(&x.client, PASSWORD);
	assert_int_equal(run(&x, false), SCRAM_OK);
	scram_client_init_password(&x.client, PASSWORD " ");
	assert_int_equal(run(&x, false), SCRAM_DENIED);
	scram_client_init_password(&x.client, "");
	assert_int_equal(run(&x, false), SCRAM_DENIED);
}

static void empty_password_is_a_password(void **state)
{
	struct exchange x;
	uint8_t salt[SCRAM_SALT_BYTES] = { 7 };

	(void)state;
	scram_verifier_from_password(span_of(""), salt, &x.verifier);
	scram_client_init_password(&x.client, "");
	assert_int_equal(run(&x, false), SCRAM_OK);
}

/* The keys that one exchange gave log in to another server with the same verifier,
 * and that server is verified with them. */
static void keys_pass_through(void **state)
{
	struct exchange x;
	struct scram_keys keys;

	(void)state;
	init_keys(&x);
	keys = x.keys;
	assert_int_equal(run(&x, false), SCRAM_OK);
	assert_memory_equal(&x.keys, &keys, sizeof keys);

	keys.client_key[31] ^= 1;
	scram_client_init_keys(&x.client, &keys);
	assert_int_equal(run(&x, false), SCRAM_DENIED);
}

static void server_without_the_verifier_is_found_out(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	x.verifier.server_key[0] ^= 1;
	start(&x, false);
	assert_int_equal(finish_server(&x), SCRAM_OK);
	assert_int_equal(scram_client_verify(&x.client, span_of_message(&x.server_final)),
			 SCRAM_DENIED);
}

static bool is_wiped(const void *memory, size_t size)
{
	const uint8_t *bytes = memory;

	for (size_t i = 0; i < size; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

static void mock_denies_the_right_proof(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	start(&x, true);
	memset(&x.keys, 0xff, sizeof x.keys);
	assert_int_equal(finish_server(&x), SCRAM_DENIED);
	assert_int_equal(x.server_final.size, 0);
	assert_true(is_wiped(&x.keys, sizeof x.keys));
	assert_true(is_wiped(x.server_final.data, sizeof x.server_final.data));
}

static void denied_client_gets_no_keys(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	start(&x, false);
	x.verifier.stored_key[0] ^= 1;
	memset(&x.keys, 0xff, sizeof x.keys);
	assert_int_equal(finish_server(&x), SCRAM_DENIED);
	assert_true(is_wiped(&x.keys, sizeof x.keys));
	assert_true(is_wiped(x.server_final.data, sizeof x.server_final.data));
}

static void one_proof_for_each_exchange(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	start(&x, false);
	assert_int_equal(finish_server(&x), SCRAM_OK);
	assert_int_equal(finish_server(&x), SCRAM_MALFORMED);
}

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void steps_out_of_turn_are_refused(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	start(&x, false);
	scram_server_init(&x.server, &x.verifier, false);
	assert_int_equal(finish_server(&x), SCRAM_MALFORMED);
	/* the nonce and the header of an exchange that never began: a proof for them
	 * would be good for ever */
	assert_int_equal(scram_server_final(&x.server, span_of("c=eSws,r=,p=" KEY),
					    &x.server_final, &x.keys),
			 SCRAM_MALFORMED);

	/* a first message that fails takes the one before it away */
	start(&x, false);
	assert_int_equal(scram_server_first(&x.server, span_of("n,,x"), server_nonce,
					    &x.server_first),
			 SCRAM_MALFORMED);
	assert_int_equal(finish_server(&x), SCRAM_MALFORMED);

	/* a server that skips its first message, with the signature that zeros make */
	scram_client_init_keys(&x.client, &x.keys);
	scram_client_first(&x.client, client_nonce, &x.client_first);
	assert_int_equal(scram_client_verify(&x.client, span_of("v=" ZEROS)), SCRAM_MALFORMED);
	scram_client_init_keys(&x.client, &x.keys);
	assert_int_equal(scram_client_final(&x.client, span_of(RFC_SERVER_FIRST), &x.client_final),
			 SCRAM_MALFORMED);
}

static void finish_wipes_the_client(void **state)
{
	struct exchange x;

	(void)state;
	init_keys(&x);
	scram_client_finish(&x.client);
	assert_true(is_wiped(&x.client, sizeof x.client));
}

/* --- every message cut and changed everywhere --- */

/* A message in memory of exactly its size, so that ASan sees a byte too far. */
static enum scram_result with_copy(struct span text,
				   enum scram_result (*feed)(void *context, struct span text),
				   void *context)
{
	char *copy = malloc(text.size ? text.size : 1);
	enum scram_result result;

	assert_non_null(copy);
	if (text.size)
		memcpy(copy, text.data, text.size);
	result = feed(context, span_make(copy, text.size));
	free(copy);
	return result;
}

static enum scram_result feed_server_first(void *context, struct span text)
{
	struct exchange *x = context;

	return scram_server_first(&x->server, text, server_nonce, &x->server_first);
}

static enum scram_result feed_client_final(void *context, struct span text)
{
	struct exchange *x = context;

	return scram_server_final(&x->server, text, &x->server_final, &x->keys);
}

static enum scram_result feed_server_final(void *context, struct span text)
{
	struct exchange *x = context;

	return scram_client_verify(&x->client, text);
}

/* Runs the exchange with the n-th message (0 to 3) replaced: SCRAM_OK when both
 * sides believe each other. */
static enum scram_result run_with(const struct exchange *made, int message, struct span text)
{
	struct exchange x = *made;
	struct span first_text, server_first;
	enum scram_result result;

	scram_server_init(&x.server, &x.verifier, false);
	scram_client_first(&x.client, client_nonce, &x.client_first);
	first_text = message == 0 ? text : span_of_message(&x.client_first);
	result = with_copy(first_text, feed_server_first, &x);
	if (result != SCRAM_OK)
		return result;
	server_first = message == 1 ? text : span_of_message(&x.server_first);
	result = scram_client_final(&x.client, server_first, &x.client_final);
	if (result != SCRAM_OK)
		return result;
	result = with_copy(message == 2 ? text : span_of_message(&x.client_final),
			   feed_client_final, &x);
	if (result != SCRAM_OK)
		return result;
	return with_copy(message == 3 ? text : span_of_message(&x.server_final),
			 feed_server_final, &x);
}

static void change_everywhere(const struct exchange *made, int message,
			      const struct scram_message *m)
{
	static const char bytes[] = "\0\1\n ,=!+/09AZaz~cmnprsvy\x7f\x80\xff";
	struct scram_message changed = *m;

	for (size_t size = 0; size < m->size; size++)
		assert_int_not_equal(run_with(made, message, span_make(m->data, size)), SCRAM_OK);
	for (size_t at = 0; at < m->size; at++) {
		for (size_t i = 0; i < sizeof bytes - 1 + 8; i++) {
			/* the list, then each bit turned */
			changed.data[at] = i < sizeof bytes - 1 ?
						   bytes[i] :
						   (char)(m->data[at] ^
							  (1 << (i - sizeof bytes + 1)));
			if (changed.data[at] != m->data[at])
				assert_int_not_equal(run_with(made, message,
							      span_of_message(&changed)),
						     SCRAM_OK);
		}
		changed.data[at] = m->data[at];
	}
}

static void no_changed_message_is_believed(void **state)
{
	struct exchange x, sent;

	(void)state;
	init_keys(&x);
	sent = x;
	start(&sent, false);
	assert_int_equal(finish_server(&sent), SCRAM_OK);
	assert_int_equal(run_with(&x, 3, span_of_message(&sent.server_final)), SCRAM_OK);
	change_everywhere(&x, 0, &sent.client_first);
	change_everywhere(&x, 1, &sent.server_first);
	change_everywhere(&x, 2, &sent.client_final);
	change_everywhere(&x, 3, &sent.server_final);
}

/* Nothing else can show it without a clock: scram.c calls no other
 * comparison than OpenSSL's. */
static void secrets_are_compared_in_constant_time(void **state)
{
	char text[64 * 1024], *at;
	FILE *file = fopen(PGWEIR_SOURCE_DIR "/src/auth/scram.c", "r");

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	assert_non_null(strstr(text, "CRYPTO_memcmp(hash, s->verifier->stored_key"));
	assert_non_null(strstr(text, "CRYPTO_memcmp(signature, c->server_signature"));
	for (at = text; (at = strstr(at, "memcmp(")); at++)
		assert_memory_equal(at - strlen("CRYPTO_"), "CRYPTO_", strlen("CRYPTO_"));
	assert_null(strstr(text, "strcmp("));
	assert_null(strstr(text, "strncmp("));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_7677_client),
		cmocka_unit_test(rfc_7677_server),
		cmocka_unit_test(verifier_is_the_one_postgres_makes),
		cmocka_unit_test(messages_are_what_libpq_sends),
		cmocka_unit_test(password_opens),
		cmocka_unit_test(empty_password_is_a_password),
		cmocka_unit_test(keys_pass_through),
		cmocka_unit_test(server_without_the_verifier_is_found_out),
		cmocka_unit_test(mock_denies_the_right_proof),
		cmocka_unit_test(denied_client_gets_no_keys),
		cmocka_unit_test(one_proof_for_each_exchange),
		cmocka_unit_test(steps_out_of_turn_are_refused),
		cmocka_unit_test(finish_wipes_the_client),
		cmocka_unit_test(no_changed_message_is_believed),
		cmocka_unit_test(secrets_are_compared_in_constant_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
