/*
 * /clients over HTTP: how many are asked of the workers, how many are shown.
 */
#include "watch/server.h"

static void test_limit(void **state)
{
	static const struct {
		const char *query;
		int status, rows, asked; /* of the workers */
	} cases[] = {
		{ "", 200, 1000, 1000 },
		{ "?limit=1", 200, 1, 1 },
		{ "?limit=1199", 200, 1199, 1199 },
		{ "?limit=1200", 200, 1200, 1200 },
		{ "?limit=10000", 200, 1200, 10000 },
		{ "?limit=10001", 400, 0, 0 },
		{ "?limit=0", 400, 0, 0 },
		{ "?sort=p99", 400, 0, 0 },
	};
	struct server server;

	(void)state;
	start(&server, 1, "x");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char path[100];
		json_t *json;

		snprintf(path, sizeof(path), "/clients%s", cases[i].query);
		json = get(&server, path, cases[i].status);
		assert_int_equal(json_array_size(json_object_get(json, "clients")), cases[i].rows);
		if (cases[i].status == 200) {
			assert_int_equal(json_integer_value(json_object_get(json, "not_shown")),
					 1200 - cases[i].rows);
			assert_int_equal(server.client_limit, cases[i].asked);
		}
		json_decref(json);
	}
	/* Nobody else needs them. */
	json_decref(get(&server, "/stats", 200));
	assert_int_equal(server.client_limit, 0);
	json_decref(get(&server, "/queries?limit=7", 200));
	assert_int_equal(server.client_limit, 0);
	stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
