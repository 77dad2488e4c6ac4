/*
 * SCRAM: the text form of verifiers.
 */
#include "auth/exchange.h"

/* --- verifiers as text --- */

static void verifier_cut_anywhere_is_refused(void **state)
{
	struct span text = span_of(POSTGRES_VERIFIER);
	struct scram_verifier v;

	(void)state;
	for (size_t size = 0; size < text.size; size++) {
		char *copy = malloc(size + 1);

		memcpy(copy, text.data, size);
		assert_false(scram_verifier_parse(span_make(copy, size), &v));
		free(copy);
	}
}

static void verifier_garbage_is_refused(void **state)
{
	static const char *const bad[] = {
		"scram-sha-256$4096:AAAA" KEYS,
		"SCRAM-SHA-1$4096:AAAA" KEYS,
		"SCRAM-SHA-256$0:AAAA" KEYS,
		"SCRAM-SHA-256$-1:AAAA" KEYS,
		"SCRAM-SHA-256$+1:AAAA" KEYS,
		"SCRAM-SHA-256$ 1:AAAA" KEYS,
		"SCRAM-SHA-256$04096:AAAA" KEYS,
		"SCRAM-SHA-256$4096x:AAAA" KEYS,
		"SCRAM-SHA-256$:AAAA" KEYS,
		"SCRAM-SHA-256$2147483648:AAAA" KEYS,
		"SCRAM-SHA-256$99999999999999999999:AAAA" KEYS,
		"SCRAM-SHA-256$4096:" KEYS,
		"SCRAM-SHA-256$4096:AAA" KEYS,
		"SCRAM-SHA-256$4096:AA A" KEYS,
		"SCRAM-SHA-256$4096:    " KEYS,
		"SCRAM-SHA-256$4096:AAAA$" KEY,
		"SCRAM-SHA-256$4096:AAAA$" KEY ":",
		"SCRAM-SHA-256$4096:AAAA$" KEY ":AAAA",
		"SCRAM-SHA-256$4096:AAAA$AAAA:" KEY,
		"SCRAM-SHA-256$4096:AAAA" KEYS " ",
		"SCRAM-SHA-256$4096:AAAA" KEYS "\n",
	};
	struct scram_verifier v;

	(void)state;
	assert_true(scram_verifier_parse(span_of("SCRAM-SHA-256$4096:AAAA" KEYS), &v));
	assert_true(scram_verifier_parse(span_of("SCRAM-SHA-256$1:AA==" KEYS), &v));
	assert_int_equal(v.salt_size, 1);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(scram_verifier_parse(span_of(bad[i]), &v));
}

static void make_verifier_text(char *text, size_t capacity, size_t salt_size)
{
	uint8_t salt[SCRAM_MAX_SALT_BYTES + 3] = { 0 };
	char encoded[400];

	EVP_EncodeBlock((uint8_t *)encoded, salt, (int)salt_size);
	snprintf(text, capacity, "SCRAM-SHA-256$4096:%s" KEYS, encoded);
}

static void verifier_salt_has_a_limit(void **state)
{
	struct scram_verifier v;
	char text[800];

	(void)state;
	for (size_t size = 1; size <= SCRAM_MAX_SALT_BYTES + 3; size++) {
		make_verifier_text(text, sizeof text, size);
		assert_int_equal(scram_verifier_parse(span_of(text), &v),
				 size <= SCRAM_MAX_SALT_BYTES);
		if (size <= SCRAM_MAX_SALT_BYTES)
			assert_int_equal(v.salt_size, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifier_cut_anywhere_is_refused),
		cmocka_unit_test(verifier_garbage_is_refused),
		cmocka_unit_test(verifier_salt_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
