/*
 * SCRAM: what each message of a peer may and may not be, and how long.
 */
#include "auth/exchange.h"

/* --- the client's first message --- */

static enum scram_result first(const char *text)
{
	struct scram_verifier v = verifier_of_postgres();
	struct scram_server s;
	struct scram_message reply;
	enum scram_result result;

	scram_server_init(&s, &v, false);
	result = scram_server_first(&s, span_of(text), server_nonce, &reply);
	assert_int_equal(reply.size > 0, result == SCRAM_OK);
	return result;
}

static void client_first_variants(void **state)
{
	(void)state;
	assert_int_equal(first("n,,n=,r=abc"), SCRAM_OK);
	assert_int_equal(first("y,,n=,r=abc"), SCRAM_OK);
	assert_int_equal(first("n,,n=some=2Cone,r=!+~"), SCRAM_OK);
	assert_int_equal(first("n,,n=,r=abc,x=,y=1=2"), SCRAM_OK);

	assert_int_equal(first("p=tls-server-end-point,,n=,r=abc"), SCRAM_UNSUPPORTED);
	assert_int_equal(first("p"), SCRAM_UNSUPPORTED);
	assert_int_equal(first("n,a=postgres,n=,r=abc"), SCRAM_UNSUPPORTED);
	assert_int_equal(first("n,a=,n=,r=abc"), SCRAM_UNSUPPORTED);
	assert_int_equal(first("n,,m=x,n=,r=abc"), SCRAM_UNSUPPORTED);
	assert_int_equal(first("n,,n=,r=abc,m=x"), SCRAM_UNSUPPORTED);

	assert_int_equal(first(""), SCRAM_MALFORMED);
	assert_int_equal(first("N,,n=,r=abc"), SCRAM_MALFORMED);
	assert_int_equal(first("nn,,n=,r=abc"), SCRAM_MALFORMED);
	assert_int_equal(first("n,x,n=,r=abc"), SCRAM_MALFORMED);
	assert_int_equal(first("n,n=,r=abc"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,r=abc"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,r=abc,n="), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r="), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=a b"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=a\x7f"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=a\x80"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=a\n"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=abc,"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=abc,,x=1"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=abc,1=x"), SCRAM_MALFORMED);
	assert_int_equal(first("n,,n=,r=abc,x"), SCRAM_MALFORMED);
}

static enum scram_result first_of_size(const char *start_of_text, size_t size,
				       struct scram_message *reply)
{
	struct scram_verifier v = verifier_of_postgres();
	struct scram_server s;
	char *text = malloc(size);
	enum scram_result result;

	memset(text, 'x', size);
	memcpy(text, start_of_text, strlen(start_of_text));
	scram_server_init(&s, &v, false);
	result = scram_server_first(&s, span_make(text, size), server_nonce, reply);
	free(text);
	return result;
}

static void client_first_has_limits(void **state)
{
	/* r= nonce(2) + 24 of ours + ",s=" + 24 + ",i=4096" */
	const size_t longest_nonce = SCRAM_MESSAGE_BYTES - 1 - 2 - 24 - 3 - 24 - 7;
	struct scram_message reply;

	(void)state;
	assert_int_equal(first_of_size("n,,n=,r=a,x=", SCRAM_MESSAGE_BYTES - 1, &reply), SCRAM_OK);
	assert_int_equal(first_of_size("n,,n=,r=a,x=", SCRAM_MESSAGE_BYTES, &reply), SCRAM_OK);
	assert_int_equal(first_of_size("n,,n=,r=a,x=", SCRAM_MESSAGE_BYTES + 1, &reply),
			 SCRAM_MALFORMED);
	assert_int_equal(first_of_size("n,,n=,r=a,x=", 1000 * 1000, &reply), SCRAM_MALFORMED);

	assert_int_equal(first_of_size("n,,n=,r=", 8 + longest_nonce - 1, &reply), SCRAM_OK);
	assert_int_equal(first_of_size("n,,n=,r=", 8 + longest_nonce, &reply), SCRAM_OK);
	assert_int_equal(reply.size, SCRAM_MESSAGE_BYTES - 1);
	assert_int_equal(first_of_size("n,,n=,r=", 8 + longest_nonce + 1, &reply), SCRAM_MALFORMED);
	assert_int_equal(reply.size, 0);
}

/* --- the client's last message --- */

static void replace_final(struct exchange *x, const char *start_of_text)
{
	struct scram_message *m = &x->client_final;
	char proof[sizeof ",p=" + 44];

	snprintf(proof, sizeof proof, "%s", m->data + m->size - (sizeof proof - 1));
	m->size = (size_t)snprintf(m->data, sizeof m->data, "%s%s", start_of_text, proof);
}

static enum scram_result final(const char *start_of_text)
{
	static struct exchange made; /* the keys do not change between the cases */
	struct exchange x;

	if (!made.client.has_keys)
		init_keys(&made);
	x = made;
	start(&x, false);
	replace_final(&x, start_of_text);
	return finish_server(&x);
}

/* A final that is well-formed but not what was signed: DENIED; else MALFORMED. */
static void client_final_variants(void **state)
{
	(void)state;
	assert_int_equal(final("c=biws,r=" NONCE), SCRAM_OK);
	assert_int_equal(final("c=biws,r=" NONCE ",x=1"), SCRAM_DENIED);
	assert_int_equal(final("c=biws,r=" NONCE ",m=1"), SCRAM_UNSUPPORTED);
	assert_int_equal(final("c=eSws,r=" NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=biwsAAAA,r=" NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=,r=" NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=cD10bHMtdW5pcXVlLCw=,r=" NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws"), SCRAM_MALFORMED);
	assert_int_equal(final("r=" NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("r=" NONCE ",c=biws"), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws,r="), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws,r=" CLIENT_NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws,r=" SERVER_NONCE CLIENT_NONCE), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws,r=" NONCE "A"), SCRAM_MALFORMED);
	assert_int_equal(final("c=biws,r=" NONCE ","), SCRAM_MALFORMED);
	assert_int_equal(final(""), SCRAM_MALFORMED);
}

static void y_flag_binds_its_own_header(void **state)
{
	struct exchange x;
	struct scram_message m;

	(void)state;
	init_keys(&x);
	start(&x, false);
	/* the client said 'n', the server read 'y': somebody changed the message */
	x.client_first.data[0] = 'y';
	assert_int_equal(scram_server_first(&x.server, span_of_message(&x.client_first),
					    server_nonce, &m),
			 SCRAM_OK);
	assert_int_equal(finish_server(&x), SCRAM_MALFORMED);
	/* the header of 'y', signed with that of 'n' */
	assert_int_equal(scram_server_first(&x.server, span_of_message(&x.client_first),
					    server_nonce, &m),
			 SCRAM_OK);
	memcpy(x.client_final.data, "c=eSws", 6);
	assert_int_equal(finish_server(&x), SCRAM_DENIED);
}

static void replayed_proof_is_denied(void **state)
{
	uint8_t other_nonce[SCRAM_RAW_NONCE_BYTES] = "another nonce 123";
	struct exchange x;
	struct scram_message m;

	(void)state;
	init_keys(&x);
	start(&x, false);
	assert_int_equal(scram_server_first(&x.server, span_of_message(&x.client_first),
					    other_nonce, &m),
			 SCRAM_OK);
	assert_int_equal(finish_server(&x), SCRAM_MALFORMED);
	/* with the new nonce written in, the old proof does not fit */
	assert_int_equal(scram_server_first(&x.server, span_of_message(&x.client_first),
					    other_nonce, &m),
			 SCRAM_OK);
	memcpy(x.client_final.data + strlen("c=biws,r="), x.server.nonce, strlen(x.server.nonce));
	assert_int_equal(finish_server(&x), SCRAM_DENIED);
}

/* --- the server's first message --- */

static enum scram_result server_says(const char *text)
{
	struct scram_keys keys = { .client_key = { 1 } };
	struct scram_client c;
	struct scram_message m;
	enum scram_result result;

	scram_client_init_keys(&c, &keys);
	scram_client_first(&c, client_nonce, &m);
	result = scram_client_final(&c, span_of(text), &m);
	assert_int_equal(m.size > 0, result == SCRAM_OK);
	return result;
}

static void server_first_variants(void **state)
{
	(void)state;
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4096"), SCRAM_OK);
	assert_int_equal(server_says("r=" CLIENT_NONCE "+,s=AA==,i=4096,x=y"), SCRAM_OK);

	assert_int_equal(server_says("m=1,r=" NONCE ",s=AAAA,i=4096"), SCRAM_UNSUPPORTED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4096,m=1"), SCRAM_UNSUPPORTED);

	/* nonces that are not ours and more */
	assert_int_equal(server_says("r=" CLIENT_NONCE ",s=AAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" SERVER_NONCE CLIENT_NONCE ",s=AAAA,i=4096"),
			 SCRAM_MALFORMED);
	assert_int_equal(server_says("r=Y2xp,s=AAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=,s=AAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE "\xff,s=AAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE " ,s=AAAA,i=4096"), SCRAM_MALFORMED);

	/* salts */
	assert_int_equal(server_says("r=" NONCE ",s=,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=A===,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s====,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=====,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AA==AAAA,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AB==,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s= AAAA   ,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAA-,i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AA\xff\xff,i=4096"), SCRAM_MALFORMED);

	/* order and parts */
	assert_int_equal(server_says(""), SCRAM_MALFORMED);
	assert_int_equal(server_says("e=other-error"), SCRAM_MALFORMED);
	assert_int_equal(server_says("s=AAAA,r=" NONCE ",i=4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",i=4096,s=AAAA"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4096,"), SCRAM_MALFORMED);
	assert_int_equal(server_says("v=AAAA,r=" NONCE ",s=AAAA,i=4096"), SCRAM_MALFORMED);
}

static void iterations_have_limits(void **state)
{
	(void)state;
	assert_int_equal(SCRAM_MIN_ITERATIONS, 4096);
	assert_int_equal(SCRAM_MAX_ITERATIONS, 100000);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4095"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4096"), SCRAM_OK);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4097"), SCRAM_OK);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=99999"), SCRAM_OK);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=100000"), SCRAM_OK);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=100001"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=2147483647"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=2147483648"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4294971392"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=18446744073709555712"),
			 SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=0"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=1"), SCRAM_TOO_COSTLY);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i="), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=-4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=+4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i= 4096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=04096"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=0x1000"), SCRAM_MALFORMED);
	assert_int_equal(server_says("r=" NONCE ",s=AAAA,i=4096.5"), SCRAM_MALFORMED);
}

static enum scram_result server_says_nonce(size_t nonce_size)
{
	char text[4 * SCRAM_MESSAGE_BYTES];
	int size;

	size = snprintf(text, sizeof text, "r=%s%*s,s=AAAA,i=4096", CLIENT_NONCE,
			(int)(nonce_size - strlen(CLIENT_NONCE)), "");
	for (int i = 0; i < size; i++) {
		if (text[i] == ' ')
			text[i] = 'n';
	}
	return server_says(text);
}

/* PgBouncer's CVE-2026-6665: a long nonce of a hostile server ran over a buffer. */
static void server_nonce_has_a_limit(void **state)
{
	/* "c=biws,r=" nonce ",p=" and 44 digits fill what we may send */
	const size_t longest = SCRAM_MESSAGE_BYTES - 1 - 9 - 3 - 44;

	(void)state;
	assert_int_equal(server_says_nonce(longest - 1), SCRAM_OK);
	assert_int_equal(server_says_nonce(longest), SCRAM_OK);
	assert_int_equal(server_says_nonce(longest + 1), SCRAM_MALFORMED);
	assert_int_equal(server_says_nonce(SCRAM_MESSAGE_BYTES - 2), SCRAM_MALFORMED);
	assert_int_equal(server_says_nonce(3 * SCRAM_MESSAGE_BYTES), SCRAM_MALFORMED);
}

static void server_salt_has_a_limit(void **state)
{
	uint8_t salt[SCRAM_MAX_SALT_BYTES + 3] = { 1 };
	char encoded[400], text[800];

	(void)state;
	for (size_t size = SCRAM_MAX_SALT_BYTES - 1; size <= sizeof salt; size++) {
		EVP_EncodeBlock((uint8_t *)encoded, salt, (int)size);
		snprintf(text, sizeof text, "r=" NONCE ",s=%s,i=4096", encoded);
		assert_int_equal(server_says(text),
				 size <= SCRAM_MAX_SALT_BYTES ? SCRAM_OK : SCRAM_MALFORMED);
	}
}

/* --- the server's last message --- */

static void server_final_variants(void **state)
{
	struct exchange x;
	char text[SCRAM_MESSAGE_BYTES + 10];

	(void)state;
	init_keys(&x);
	start(&x, false);
	assert_int_equal(finish_server(&x), SCRAM_OK);
	x.server_final.data[x.server_final.size] = '\0';
	assert_int_equal(scram_client_verify(&x.client, span_of(x.server_final.data)), SCRAM_OK);
	snprintf(text, sizeof text, "%s,x=1", x.server_final.data);
	assert_int_equal(scram_client_verify(&x.client, span_of(text)), SCRAM_OK);
	snprintf(text, sizeof text, "%s,", x.server_final.data);
	assert_int_equal(scram_client_verify(&x.client, span_of(text)), SCRAM_MALFORMED);
	snprintf(text, sizeof text, "%s\n", x.server_final.data);
	assert_int_equal(scram_client_verify(&x.client, span_of(text)), SCRAM_MALFORMED);
	assert_int_equal(scram_client_verify(&x.client, span_of("e=invalid-proof")), SCRAM_DENIED);
	assert_int_equal(scram_client_verify(&x.client, span_of("e=")), SCRAM_DENIED);
	assert_int_equal(scram_client_verify(&x.client, span_of("")), SCRAM_MALFORMED);
	assert_int_equal(scram_client_verify(&x.client, span_of("v=")), SCRAM_MALFORMED);
	assert_int_equal(scram_client_verify(&x.client, span_of("v=AAAA")), SCRAM_MALFORMED);
	assert_int_equal(scram_client_verify(&x.client, span_of("v=" KEY)), SCRAM_DENIED);
	assert_int_equal(scram_client_verify(&x.client, span_of("V=" KEY)), SCRAM_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_first_variants),
		cmocka_unit_test(client_first_has_limits),
		cmocka_unit_test(client_final_variants),
		cmocka_unit_test(y_flag_binds_its_own_header),
		cmocka_unit_test(replayed_proof_is_denied),
		cmocka_unit_test(server_first_variants),
		cmocka_unit_test(iterations_have_limits),
		cmocka_unit_test(server_nonce_has_a_limit),
		cmocka_unit_test(server_salt_has_a_limit),
		cmocka_unit_test(server_final_variants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
