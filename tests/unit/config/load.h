/*
 * Loading configurations in tests: from one text, with errors as one string.
 */
#ifndef PGWEIR_TESTS_CONFIG_LOAD_H
#define PGWEIR_TESTS_CONFIG_LOAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"

#include <stdlib.h>

/* The least that loads; tests append to it. */
#define LEAST "[proxy]\nusers_file = u\n[cluster]\nnodes = h\n"

struct load {
	struct config *config;
	struct config_errors errors;
};

static inline struct load load_source(const struct config_source *source)
{
	struct load load = { NULL, { NULL, 0 } };

	load.config = config_load(source, &load.errors);
	assert_true((load.config == NULL) == (load.errors.count > 0));
	return load;
}

static inline void load_finish(struct load *load)
{
	config_drop(load->config);
	config_errors_finish(&load->errors);
}

static inline struct load load_span(struct span text)
{
	const struct config_source source = { .file_name = "pgweir.ini", .file_text = text };

	return load_source(&source);
}

static inline struct load load_text(const char *text)
{
	return load_span(span_of(text));
}

/* A text that must load. */
static inline struct config *load_good(const char *text)
{
	struct load load = load_text(text);

	if (load.config == NULL)
		fail_msg("%s", load.errors.lines[0]);
	config_errors_finish(&load.errors);
	return load.config;
}

/* The text must not load, with exactly these errors. */
static inline void check_errors(struct load load, const char *const *expected)
{
	int count = 0;

	assert_null(load.config);
	for (; expected[count] != NULL; count++) {
		assert_true(count < load.errors.count);
		assert_string_equal(load.errors.lines[count], expected[count]);
	}
	if (load.errors.count > count)
		fail_msg("unexpected: %s", load.errors.lines[count]);
	assert_null(load.errors.lines[count]);
	config_errors_finish(&load.errors);
}

#define assert_errors(load, ...) check_errors(load, (const char *const[]){ __VA_ARGS__, NULL })

/* What config_print writes; the caller frees it. */
static inline char *print_config(const struct config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

static inline void assert_addresses_equal(const struct config_address *a,
					  const struct config_address *b)
{
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->host == NULL, b->host == NULL);
	assert_int_equal(a->directory == NULL, b->directory == NULL);
	if (a->host != NULL)
		assert_string_equal(a->host, b->host);
	if (a->directory != NULL)
		assert_string_equal(a->directory, b->directory);
}

/* Equal in all but the URL's login, which is not printed. */
static inline void assert_configs_equal(const struct config *a, const struct config *b)
{
#define CHECK_TEXT(field) assert_string_equal(a->field, b->field)
#define CHECK_OTHER(field) assert_int_equal(a->field, b->field)
#define CHECK_NUMBER CHECK_OTHER
#define CHECK_SWITCH CHECK_OTHER
#define CHECK_pool_mode CHECK_OTHER
#define CHECK_pin_policy CHECK_OTHER
#define CHECK_consistency CHECK_OTHER
#define CHECK_balance CHECK_OTHER
#define CHECK_primary_reads CHECK_OTHER
#define CHECK_tls_mode CHECK_OTHER
#define CHECK_log_word CHECK_OTHER
#define OPTION(section, key, kind, text, lowest, highest, sentence) CHECK_##kind(section##_##key);
#include "config/option.def"
#undef OPTION
	CHECK_OTHER(worker_count);
	CHECK_OTHER(listen_count);
	CHECK_OTHER(node_count);
	CHECK_OTHER(admin_user_count);
	CHECK_OTHER(harmless_function_count);
	assert_addresses_equal(&a->stats, &b->stats);
	for (int i = 0; i < a->listen_count; i++)
		assert_addresses_equal(&a->listen[i], &b->listen[i]);
	for (int i = 0; i < a->node_count; i++) {
		assert_string_equal(a->nodes[i].name, b->nodes[i].name);
		assert_string_equal(a->nodes[i].host, b->nodes[i].host);
		assert_int_equal(a->nodes[i].port, b->nodes[i].port);
		assert_int_equal(a->nodes[i].weight, b->nodes[i].weight);
	}
	for (int i = 0; i < a->admin_user_count; i++)
		assert_string_equal(a->admin_users[i], b->admin_users[i]);
	for (int i = 0; i < a->harmless_function_count; i++)
		assert_string_equal(a->harmless_functions[i], b->harmless_functions[i]);
}

#endif
