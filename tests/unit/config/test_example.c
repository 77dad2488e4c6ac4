/*
 * etc/: the example configuration and its users load together, and the users'
 * comments are true.  (That each option is explained is in test_option.c.)
 */
#include "load.h"

#include "auth/credential.h"

static struct span read_example(const char *name)
{
	char path[512];
	FILE *file;
	char *text = NULL;
	size_t room = 0;
	ssize_t size;

	snprintf(path, sizeof(path), PGWEIR_SOURCE_DIR "/etc/%s", name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("could not open %s", path);
	size = getdelim(&text, &room, '\0', file);
	assert_true(size > 0);
	fclose(file);
	return span_make(text, (size_t)size);
}

static void on_error(void *context, int line, const char *message)
{
	(void)context;
	fail_msg("users.txt:%d: %s", line, message);
}

static struct credentials *load_users(void)
{
	static const uint8_t secret[32] = { 1 };
	struct span text = read_example("users.txt");
	struct credentials *users = credentials_load(text, secret, on_error, NULL);

	assert_non_null(users);
	free((char *)text.data);
	return users;
}

static void the_prober_is_one_of_the_users(void **state)
{
	struct span text = read_example("pgweir.ini");
	struct load load = load_source(&(struct config_source){ .file_name = "/etc/pgweir/pgweir.ini",
								.file_text = text });
	struct credentials *users = load_users();
	const struct credential *prober;

	(void)state;
	assert_non_null(load.config);
	assert_string_equal(load.config->proxy_users_file, "/etc/pgweir/users.txt");
	prober = credentials_find(users, span_of(load.config->cluster_probe_user));
	assert_non_null(prober);
	assert_int_equal(prober->kind, SECRET_PASSWORD);
	credentials_drop(users);
	load_finish(&load);
	free((char *)text.data);
}

static void the_verifier_is_of_the_password_in_its_comment(void **state)
{
	struct credentials *users = load_users();
	const struct credential *report = credentials_find(users, span_of("report"));
	struct scram_verifier again;

	(void)state;
	assert_non_null(report);
	assert_int_equal(report->kind, SECRET_SCRAM);
	assert_int_equal(report->verifier.salt_size, SCRAM_SALT_BYTES);
	scram_verifier_from_password(span_of("an example, choose another"), report->verifier.salt,
				     &again);
	assert_memory_equal(again.stored_key, report->verifier.stored_key, SCRAM_KEY_BYTES);
	assert_memory_equal(again.server_key, report->verifier.server_key, SCRAM_KEY_BYTES);
	credentials_drop(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_prober_is_one_of_the_users),
		cmocka_unit_test(the_verifier_is_of_the_password_in_its_comment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
