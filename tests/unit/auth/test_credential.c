/*
 * The users file: what is read, what is refused with which line, what is found;
 * the md5 answers against PostgreSQL 15's own hash.
 */
#include "auth/exchange.h"

#include "auth/credential.h"

/* create role old password 'hunter2' with password_encryption = md5, from pg_authid */
#define POSTGRES_MD5 "a69b58e70c7f3e6d4dc0bb14850444af"

static const uint8_t process_secret[32] = "a secret of 32 random bytes....";

/* --- loading --- */

struct complaints {
	int count;
	char text[4000]; /* "line: message\n"... */
};

static void note(void *context, int line, const char *message)
{
	struct complaints *c = context;
	size_t used = strlen(c->text);

	c->count++;
	snprintf(c->text + used, sizeof c->text - used, "%d: %s\n", line, message);
}

/* The text in memory of exactly its size, so that ASan sees a byte too far. */
static struct credentials *load_bytes(struct span text, struct complaints *c)
{
	char *copy = malloc(text.size + 1);
	struct credentials *users;

	assert_non_null(copy);
	copy = realloc(copy, text.size ? text.size : 1);
	memcpy(copy, text.data, text.size);
	*c = (struct complaints){ 0 };
	users = credentials_load(span_make(copy, text.size), process_secret, note, c);
	free(copy);
	assert_int_equal(users == NULL, c->count > 0);
	return users;
}

static struct credentials *load_good(const char *text)
{
	struct complaints c;
	struct credentials *users = load_bytes(span_of(text), &c);

	assert_string_equal(c.text, "");
	assert_non_null(users);
	return users;
}

static const struct credential *find(const struct credentials *users, const char *user)
{
	return credentials_find(users, span_of(user));
}

static void all_kinds_are_read(void **state)
{
	struct credentials *users = load_good("; the users\n"
					      "\n"
					      "# of this proxy\n"
					      "\"app\" \"" PASSWORD "\"\n"
					      "\"api\" \"" POSTGRES_VERIFIER "\"\n"
					      "\"old\" \"md5" POSTGRES_MD5 "\"\n");
	const struct scram_verifier expected = verifier_of_postgres();
	const struct credential *c;

	(void)state;
	c = find(users, "app");
	assert_string_equal(c->user, "app");
	assert_int_equal(c->kind, SECRET_PASSWORD);
	assert_string_equal(c->password, PASSWORD);

	c = find(users, "api");
	assert_int_equal(c->kind, SECRET_SCRAM);
	assert_null(c->password);
	assert_memory_equal(c->verifier.stored_key, expected.stored_key, SCRAM_KEY_BYTES);

	c = find(users, "old");
	assert_int_equal(c->kind, SECRET_MD5);
	assert_string_equal(c->md5_hex, POSTGRES_MD5);
	assert_null(c->password);
	credentials_drop(users);
}

static void only_the_exact_name_is_found(void **state)
{
	struct credentials *users = load_good("\"app\" \"x\"\n");

	(void)state;
	assert_non_null(find(users, "app"));
	assert_null(find(users, ""));
	assert_null(credentials_find(users, span_make(NULL, 0)));
	assert_null(find(users, "ap"));
	assert_null(find(users, "appl"));
	assert_null(find(users, "App"));
	assert_null(find(users, "app "));
	assert_null(credentials_find(users, span_make("app\0", 4)));
	assert_non_null(credentials_find(users, span_make("apple", 3)));
	credentials_drop(users);
}

static void layout_is_free(void **state)
{
	struct credentials *users = load_good(" \t\"a\"\"b\"\t\t\"c\"\"\"\"d\" \r\n"
					      "\r\n"
					      "  ; \"x\" \"y\"\n"
					      "\t# \"x\" \"y\"\n"
					      "\"semi;colon\"\"#\" \";#\\n\"\n"
					      "\"p\xc3\xa4\"\"\" \"\xff\xfe\"\n"
					      "\"tight\"\"\"\"\" \"x\"\n"
					      "\"near\"\"\" \"last line without end\"");

	(void)state;
	assert_string_equal(find(users, "a\"b")->password, "c\"\"d");
	assert_string_equal(find(users, "semi;colon\"#")->password, ";#\\n");
	assert_string_equal(find(users, "p\xc3\xa4\"")->password, "\xff\xfe");
	assert_string_equal(find(users, "tight\"\"")->password, "x");
	assert_string_equal(find(users, "near\"")->password, "last line without end");
	assert_null(find(users, "x"));
	credentials_drop(users);
}

static void empty_file_has_no_users(void **state)
{
	struct credentials *users = load_good("");

	(void)state;
	assert_null(find(users, "app"));
	credentials_drop(users);
	users = load_good("\n\n; nothing\n");
	assert_null(find(users, "app"));
	credentials_drop(users);
}

static void bad_lines_are_all_reported(void **state)
{
	struct complaints c;

	(void)state;
	assert_null(load_bytes(span_of("\"good\" \"x\"\n"
				       "app \"x\"\n"
				       "\"app\n"
				       "\"app\"\n"
				       "\"app\" x\n"
				       "\"app\" \"x\n"
				       "\"app\" \"x\" y\n"
				       "\"\" \"x\"\n"
				       "\"b\" \"\"\n"
				       "; a comment\n"
				       "\"good\" \"x\"\n"
				       "\"c\" \"md5abc\"\n"
				       "\"d\" \"SCRAM-SHA-256$4096:x\"\n"
				       "\"\" \"\"\n"
				       "\"e\ti\" \"x\x7f\"\n"),
			       &c));
	assert_string_equal(c.text,
			    "2: the user name must be in double quotes\n"
			    "3: the user name has no closing quote\n"
			    "4: the secret must be in double quotes\n"
			    "5: the secret must be in double quotes\n"
			    "6: the secret has no closing quote\n"
			    "7: unexpected text behind the secret\n"
			    "8: the user name is empty\n"
			    "9: the secret is empty\n"
			    "11: user \"good\" is on line 1 already\n"
			    "12: user \"c\": invalid md5 secret: not \"md5\" and 32 lower-case "
			    "hexadecimal digits\n"
			    "13: user \"d\": invalid SCRAM-SHA-256 verifier\n"
			    "14: the user name is empty\n"
			    "14: the secret is empty\n"
			    "15: the user name contains a control character\n"
			    "15: the secret contains a control character\n");
}

static void name_stays_taken(void **state)
{
	struct complaints c;

	(void)state;
	assert_null(load_bytes(span_of("\"a\" \"md5\"\n\"a\" \"x\"\n\n\"a\" \"y\"\n"), &c));
	assert_int_equal(c.count, 3);
	assert_non_null(strstr(c.text, "1: user \"a\": invalid md5 secret"));
	assert_non_null(strstr(c.text, "2: user \"a\" is on line 1 already\n"));
	assert_non_null(strstr(c.text, "4: user \"a\" is on line 2 already\n"));
}

static void no_complaint_contains_the_secret(void **state)
{
	static const char *const bad[] = {
		"\"app\" \"marker\n",
		"\"app\" \"marker\" x\n",
		"\"app\" \"marker\x01\"\n",
		"\"app\" \"SCRAM-SHA-256$marker\"\n",
		"\"app\" \"md5marker\"\n",
		"\"app\" marker\n",
		"\"app\" \"x\"\n\"app\" \"marker\"\n",
	};
	struct complaints c;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_null(load_bytes(span_of(bad[i]), &c));
		assert_null(strstr(c.text, "marker"));
	}
}

static void control_characters_are_refused(void **state)
{
	char text[] = "\"a?p\" \"s?t\"\n";
	struct complaints c;
	struct credentials *users;

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool is_control = byte < ' ' || byte == 0x7f;

		for (int place = 0; place < 2; place++) {
			size_t at = place ? 8 : 2;

			text[at] = (char)byte;
			users = load_bytes(span_make(text, sizeof text - 1), &c);
			assert_int_equal(users == NULL, is_control || byte == '"');
			credentials_drop(users);
			text[at] = '?';
		}
	}
}

static bool loads(const char *name, size_t name_size, const char *secret, size_t secret_size)
{
	char text[4000];
	struct complaints c;
	struct credentials *users;

	snprintf(text, sizeof text, "\"%s%0*d\" \"%s%0*d\"\n", name, (int)name_size, 0, secret,
		 (int)secret_size, 0);
	users = load_bytes(span_of(text), &c);
	credentials_drop(users);
	return users != NULL;
}

static void sizes_have_limits(void **state)
{
	(void)state;
	assert_true(loads("", 62, "", 10));
	assert_true(loads("", 63, "", 10));
	assert_false(loads("", 64, "", 10));
	assert_false(loads("", 1500, "", 10));
	assert_true(loads("", 10, "", 1023));
	assert_true(loads("", 10, "", 1024));
	assert_false(loads("", 10, "", 1025));
	assert_false(loads("", 10, "", 2000));
	/* a doubled quote is one byte */
	assert_true(loads("\"\"", 62, "\"\"", 1023));
	assert_false(loads("\"\"", 63, "\"\"", 10));
	assert_false(loads("", 10, "\"\"", 1024));
}

static void md5_is_exactly_32_lower_case_digits(void **state)
{
	struct complaints c;
	struct credentials *users = load_good("\"a\" \"md5" POSTGRES_MD5 "\"");

	(void)state;
	credentials_drop(users);
	assert_null(load_bytes(span_of("\"a\" \"md5a69b58e70c7f3e6d4dc0bb14850444a\""), &c));
	assert_null(load_bytes(span_of("\"a\" \"md5a69b58e70c7f3e6d4dc0bb14850444aff\""), &c));
	assert_null(load_bytes(span_of("\"a\" \"md5A69B58E70C7F3E6D4DC0BB14850444AF\""), &c));
	assert_null(load_bytes(span_of("\"a\" \"md5a69b58e70c7f3e6d4dc0bb14850444ag\""), &c));
	assert_null(load_bytes(span_of("\"a\" \"md5\""), &c));
}

static void file_cut_anywhere_is_read_or_refused(void **state)
{
	struct span text = span_of("; x\n\"app\" \"a\"\"b\"\n\"api\" \"" POSTGRES_VERIFIER "\"\r\n"
				   "\"old\" \"md5" POSTGRES_MD5 "\"\n");
	struct complaints c;
	struct credentials *users;

	(void)state;
	for (size_t size = 0; size <= text.size; size++) {
		users = load_bytes(span_first(text, size), &c);
		/* a user is there whole or not at all */
		if (users && find(users, "api"))
			assert_int_equal(find(users, "api")->kind, SECRET_SCRAM);
		if (users && find(users, "old"))
			assert_string_equal(find(users, "old")->md5_hex, POSTGRES_MD5);
		credentials_drop(users);
	}
}

/* --- the snapshot --- */

static void many_users_are_found(void **state)
{
	enum { USERS = 3000 };
	char *text = malloc(USERS * 80), name[20];
	struct credentials *users;
	size_t used = 0;

	(void)state;
	for (int i = 0; i < USERS; i++)
		used += (size_t)sprintf(text + used, "\"user%d\" \"md5%032x\"\n", i, i);
	text[used] = '\0';
	users = load_good(text);
	free(text);
	for (int i = 0; i < USERS; i++) {
		snprintf(name, sizeof name, "user%d", i);
		assert_int_equal(strtol(find(users, name)->md5_hex, NULL, 16), i);
	}
	assert_null(find(users, "user3000"));
	credentials_drop(users);
}

static void last_drop_ends_it(void **state)
{
	struct credentials *users = load_good("\"app\" \"x\"\n");

	(void)state;
	assert_ptr_equal(credentials_hold(users), users);
	credentials_drop(users);
	assert_string_equal(find(users, "app")->password, "x");
	credentials_drop(users); /* ASan tells when it is not freed, or twice */
	credentials_drop(NULL);
}

static void add_adds_or_replaces(void **state)
{
	struct credentials *users = load_good("\"app\" \"old\"\n\"api\" \"x\"\n");
	struct exchange x;

	(void)state;
	credentials_add(users, "app", PASSWORD);
	credentials_add(users, "url", "md5 is no prefix here");
	assert_string_equal(find(users, "app")->password, PASSWORD);
	assert_string_equal(find(users, "api")->password, "x");
	assert_int_equal(find(users, "url")->kind, SECRET_PASSWORD);
	assert_string_equal(find(users, "url")->password, "md5 is no prefix here");
	x.verifier = find(users, "app")->verifier;
	scram_client_init_password(&x.client, PASSWORD);
	assert_int_equal(run(&x, false), SCRAM_OK);
	credentials_drop(users);
}

/* --- verifiers and mocks --- */

static void clear_password_serves_scram(void **state)
{
	struct credentials *users = load_good("\"app\" \"" PASSWORD "\"\n");
	struct exchange x;

	(void)state;
	x.verifier = find(users, "app")->verifier;
	scram_client_init_password(&x.client, PASSWORD);
	assert_int_equal(run(&x, false), SCRAM_OK);
	scram_client_init_password(&x.client, "wrong");
	assert_int_equal(run(&x, false), SCRAM_DENIED);
	credentials_drop(users);
}

/* Nobody can tell an unknown name from a known one by its salt, its iterations or
 * a second try; another process has other salts. */
static void mock_looks_like_a_user(void **state)
{
	uint8_t other_secret[32] = "another secret of 32 random byt";
	struct credentials *users = load_good("\"app\" \"x\"\n");
	struct credentials *other = credentials_load(span_of(""), other_secret, note, NULL);
	struct scram_verifier a, b, known;

	(void)state;
	credentials_mock(users, span_of("nobody"), &a);
	credentials_mock(users, span_of("nobody"), &b);
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(a.iterations, SCRAM_ITERATIONS);
	assert_int_equal(a.salt_size, SCRAM_SALT_BYTES);
	credentials_mock(users, span_of("nobodz"), &b);
	assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_BYTES);
	credentials_mock(other, span_of("nobody"), &b);
	assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_BYTES);

	/* a user who is deleted keeps the salt that was seen */
	known = find(users, "app")->verifier;
	credentials_mock(users, span_of("app"), &a);
	assert_memory_equal(known.salt, a.salt, SCRAM_SALT_BYTES);
	assert_int_equal(known.iterations, a.iterations);
	assert_memory_not_equal(known.stored_key, a.stored_key, SCRAM_KEY_BYTES);
	credentials_drop(users);
	credentials_drop(other);
}

static void mock_never_matches(void **state)
{
	struct credentials *users = load_good("\"old\" \"md5" POSTGRES_MD5 "\"\n");
	struct exchange x;

	(void)state;
	credentials_mock(users, span_of("nobody"), &x.verifier);
	scram_client_init_password(&x.client, "");
	assert_int_equal(run(&x, true), SCRAM_DENIED);
	assert_int_equal(run(&x, false), SCRAM_DENIED);
	x.verifier = find(users, "old")->verifier;
	scram_client_init_password(&x.client, "hunter2");
	assert_int_equal(run(&x, false), SCRAM_DENIED);
	credentials_drop(users);
}

/* --- md5 --- */

static void md5_is_postgres_own(void **state)
{
	const uint8_t salt[4] = { 0x01, 0x02, 0x00, 0xff };
	char hex[33], response[36];

	(void)state;
	md5_hex_from_password("hunter2", "old", hex);
	assert_string_equal(hex, POSTGRES_MD5);
	md5_hex_from_password("", "", hex);
	assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
	/* printf 'a69b58e70c7f3e6d4dc0bb14850444af\1\2\0\377' | md5sum */
	md5_response(POSTGRES_MD5, salt, response);
	assert_string_equal(response, "md5e011752c4a7b95a6256816d6a16c9ee4");
}

static void equal_is_equal(void **state)
{
	(void)state;
	assert_true(secret_equal(span_of(""), span_of("")));
	assert_true(secret_equal(span_of("abc"), span_of("abc")));
	assert_false(secret_equal(span_of("abc"), span_of("abd")));
	assert_false(secret_equal(span_of("abc"), span_of("xbc")));
	assert_false(secret_equal(span_of("abc"), span_of("ab")));
	assert_false(secret_equal(span_of("ab"), span_of("abc")));
	assert_false(secret_equal(span_of(""), span_of("a")));
	assert_false(secret_equal(span_make("a\0b", 3), span_make("a\0c", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_kinds_are_read),
		cmocka_unit_test(only_the_exact_name_is_found),
		cmocka_unit_test(layout_is_free),
		cmocka_unit_test(empty_file_has_no_users),
		cmocka_unit_test(bad_lines_are_all_reported),
		cmocka_unit_test(name_stays_taken),
		cmocka_unit_test(no_complaint_contains_the_secret),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(sizes_have_limits),
		cmocka_unit_test(md5_is_exactly_32_lower_case_digits),
		cmocka_unit_test(file_cut_anywhere_is_read_or_refused),
		cmocka_unit_test(many_users_are_found),
		cmocka_unit_test(last_drop_ends_it),
		cmocka_unit_test(add_adds_or_replaces),
		cmocka_unit_test(clear_password_serves_scram),
		cmocka_unit_test(mock_looks_like_a_user),
		cmocka_unit_test(mock_never_matches),
		cmocka_unit_test(md5_is_postgres_own),
		cmocka_unit_test(equal_is_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
