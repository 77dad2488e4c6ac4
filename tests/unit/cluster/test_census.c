/* What the nodes say becomes roles, fences and freshness. */
#include "cluster/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NODES = 3, MS = 1000 };

static struct census *c;
static int64_t clock_us;

static int start(void **state)
{
	static struct config_node nodes[NODES] = {
		{ "a:1", "a", 1, 1 }, { "b:2", "b", 2, 5 }, { "c:3", "c", 3, 1 },
	};
	static struct config config = { .nodes = nodes, .node_count = NODES };

	(void)state;
	c = census_create(&config);
	clock_us = 1000 * MS;
	return 0;
}

static int end(void **state)
{
	(void)state;
	census_destroy(c);
	return 0;
}

static const struct node *node(int i)
{
	return &census_topology(c)->nodes[i];
}

static struct census_answer make_answer(bool is_in_recovery, uint32_t timeline, uint64_t lsn)
{
	return (struct census_answer){
		.is_in_recovery = is_in_recovery, .system_id = 7, .timeline = timeline,
		.lsn = lsn, .received_lsn = is_in_recovery ? lsn : 0, .quiet_ms = 5000,
		.page_bytes = 8192, .segment_bytes = 16 << 20,
	};
}

/* Says it once; the answer comes a millisecond after the question. */
static enum census_verdict say_once(int i, struct census_answer answer)
{
	clock_us += MS;
	return census_note_answer(c, i, &answer, clock_us - MS, clock_us);
}

static void say(int i, struct census_answer answer)
{
	if (say_once(i, answer) == CENSUS_UNSURE)
		assert_int_equal(say_once(i, answer), CENSUS_NOTED);
}

static void primary_says(int i, uint32_t timeline, uint64_t lsn)
{
	say(i, make_answer(false, timeline, lsn));
}

static void replica_says(int i, uint32_t timeline, uint64_t lsn)
{
	say(i, make_answer(true, timeline, lsn));
}

static void test_starts_with_names_and_nothing_else(void **state)
{
	(void)state;
	assert_string_equal(node(1)->name, "b:2");
	assert_int_equal(node(1)->weight, 5);
	assert_int_equal(node(1)->port, 2);
	assert_false(node(1)->is_up);
	assert_string_equal(node(1)->down_reason, "not asked so far");
	assert_int_equal(census_topology(c)->primary, -1);
}

static void test_role_needs_two_agreeing_answers(void **state)
{
	(void)state;
	assert_int_equal(say_once(0, make_answer(false, 1, 100)), CENSUS_UNSURE);
	assert_false(node(0)->is_up);
	assert_int_equal(say_once(0, make_answer(true, 1, 100)), CENSUS_UNSURE);
	assert_int_equal(say_once(0, make_answer(true, 1, 100)), CENSUS_NOTED);
	assert_int_equal(node(0)->role, NODE_ROLE_REPLICA);
	assert_int_equal(say_once(0, make_answer(true, 1, 100)), CENSUS_NOTED);
	/* One stray answer changes nothing. */
	assert_int_equal(say_once(0, make_answer(false, 1, 100)), CENSUS_UNSURE);
	assert_int_equal(node(0)->role, NODE_ROLE_REPLICA);
}

static void test_failure_is_down_at_once_and_a_good_answer_brings_back(void **state)
{
	(void)state;
	primary_says(0, 1, 100);
	assert_int_equal(census_topology(c)->primary, 0);
	census_note_failure(c, 0, "connection refused");
	assert_false(node(0)->is_up);
	assert_string_equal(node(0)->down_reason, "connection refused");
	assert_int_equal(node(0)->role, NODE_ROLE_PRIMARY); /* of the last answer */
	assert_int_equal(census_topology(c)->primary, -1);
	assert_int_equal(say_once(0, make_answer(false, 1, 100)), CENSUS_NOTED);
	assert_true(node(0)->is_up);
	assert_string_equal(node(0)->down_reason, "");
	assert_int_equal(census_topology(c)->primary, 0);
}

static void test_newest_timeline_wins_and_the_other_is_fenced(void **state)
{
	(void)state;
	primary_says(0, 1, 100);
	primary_says(1, 2, 90);
	assert_int_equal(census_topology(c)->primary, 1);
	assert_false(node(0)->is_up);
	assert_int_equal(node(0)->role, NODE_ROLE_UNKNOWN);
	assert_string_equal(node(0)->down_reason, "another primary has a newer timeline");
	/* Rebuilt as a replica it is welcome. */
	replica_says(0, 2, 90);
	assert_true(node(0)->is_up);
	assert_int_equal(node(0)->role, NODE_ROLE_REPLICA);
}

static void test_old_primary_stays_fenced_while_the_new_one_is_away(void **state)
{
	(void)state;
	primary_says(0, 1, 100);
	primary_says(1, 2, 90);
	census_note_failure(c, 1, "gone");
	primary_says(0, 1, 120);
	assert_int_equal(census_topology(c)->primary, -1);
	assert_false(node(0)->is_up);
}

static void test_same_timeline_keeps_the_present_primary(void **state)
{
	(void)state;
	primary_says(1, 1, 100);
	primary_says(0, 1, 100);
	assert_int_equal(census_topology(c)->primary, 1);
	assert_false(node(0)->is_up);
	assert_string_equal(node(0)->down_reason, "another node of the same timeline is the primary");
	census_note_failure(c, 1, "gone");
	assert_int_equal(census_topology(c)->primary, 0);
	assert_true(node(0)->is_up);
}

static void test_stranger_never_takes_the_writes(void **state)
{
	struct census_answer stranger = make_answer(false, 9, 100);

	(void)state;
	stranger.system_id = 8;
	primary_says(0, 1, 100);
	replica_says(1, 1, 100);
	say(2, stranger);
	assert_int_equal(census_topology(c)->primary, 0);
	assert_false(node(2)->is_up);
	assert_non_null(strstr(node(2)->down_reason, "another cluster"));
	census_note_failure(c, 0, "gone");
	assert_int_equal(census_topology(c)->primary, -1);
	/* When nothing is left of our cluster, it was built anew. */
	census_note_failure(c, 1, "gone");
	assert_int_equal(census_topology(c)->primary, 2);
}

static void test_replica_is_fresh_as_of_the_sample_it_reached(void **state)
{
	int64_t first, second;

	(void)state;
	primary_says(0, 1, 1000);
	first = clock_us - MS;
	primary_says(0, 1, 2000);
	second = clock_us - MS;
	replica_says(1, 1, 1500);
	assert_int_equal(node(1)->fresh_us, first);
	assert_int_equal(node(1)->lag_ms, (clock_us - first) / 1000);
	assert_true(census_is_behind(c, 1));
	replica_says(1, 1, 2000);
	assert_int_equal(node(1)->fresh_us, second);
	assert_int_equal(node(1)->lag_ms, 0);
	assert_false(census_is_behind(c, 1));
}

/* The answers of a round may come in any order. */
static void test_sample_counts_for_positions_told_before(void **state)
{
	(void)state;
	replica_says(1, 1, 1500);
	primary_says(0, 1, 1500);
	assert_int_equal(node(1)->fresh_us, clock_us - MS);
	assert_int_equal(node(1)->lag_ms, 0);
}

static void test_idle_primary_past_a_header_is_reached(void **state)
{
	(void)state;
	primary_says(0, 1, 8192 * 9 + 24);
	replica_says(1, 1, 8192 * 9);
	assert_int_equal(node(1)->lag_ms, 0);
	assert_true(node(1)->fresh_us > 0);
}

static void test_lag_without_a_reached_sample_is_the_age_of_the_last_commit(void **state)
{
	(void)state;
	primary_says(0, 1, 1000);
	replica_says(1, 1, 10);
	assert_int_equal(node(1)->lag_ms, 5000);
	assert_int_equal(node(1)->fresh_us, 0);
}

static void test_lag_without_a_primary_is_what_was_not_replayed(void **state)
{
	struct census_answer answer = make_answer(true, 1, 1000);

	(void)state;
	say(1, answer);
	assert_int_equal(node(1)->lag_ms, 0);
	answer.received_lsn = 1001;
	say(1, answer);
	assert_int_equal(node(1)->lag_ms, 5000);
	answer.quiet_ms = -1;
	say(1, answer);
	assert_int_equal(node(1)->lag_ms, -1);
}

static void test_another_primary_drops_all_samples(void **state)
{
	(void)state;
	primary_says(0, 1, 1000);
	replica_says(1, 1, 1000);
	replica_says(2, 1, 1000);
	assert_true(node(2)->fresh_us > 0);
	census_note_failure(c, 0, "gone");
	assert_true(node(2)->fresh_us > 0); /* still true */
	primary_says(1, 2, 900);
	assert_int_equal(node(2)->fresh_us, 0);
	/* It is further than the primary, on the old timeline: it says nothing. */
	replica_says(2, 1, 1000);
	assert_int_equal(node(2)->fresh_us, 0);
	assert_int_equal(node(2)->lag_ms, -1);
	replica_says(2, 2, 1100);
	assert_int_equal(node(2)->lag_ms, 0);
	assert_true(node(2)->fresh_us > 0);
}

/* Without pg_monitor the timeline of a replica is seen late. */
static void test_replica_at_the_same_byte_follows(void **state)
{
	(void)state;
	primary_says(1, 2, 900);
	replica_says(2, 1, 900);
	assert_int_equal(node(2)->lag_ms, 0);
	primary_says(1, 2, 950);
	replica_says(2, 1, 940);
	assert_true(node(2)->fresh_us > 0);
	assert_true(node(2)->lag_ms >= 0);
}

static void test_address_is_shown(void **state)
{
	struct sockaddr_storage address = { .ss_family = AF_INET };

	(void)state;
	assert_int_equal(node(0)->address_size, 0);
	census_note_address(c, 0, &address, 16);
	assert_int_equal(node(0)->address_size, 16);
	assert_int_equal(node(0)->address.ss_family, AF_INET);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		TEST(test_starts_with_names_and_nothing_else),
		TEST(test_role_needs_two_agreeing_answers),
		TEST(test_failure_is_down_at_once_and_a_good_answer_brings_back),
		TEST(test_newest_timeline_wins_and_the_other_is_fenced),
		TEST(test_old_primary_stays_fenced_while_the_new_one_is_away),
		TEST(test_same_timeline_keeps_the_present_primary),
		TEST(test_stranger_never_takes_the_writes),
		TEST(test_replica_is_fresh_as_of_the_sample_it_reached),
		TEST(test_sample_counts_for_positions_told_before),
		TEST(test_idle_primary_past_a_header_is_reached),
		TEST(test_lag_without_a_reached_sample_is_the_age_of_the_last_commit),
		TEST(test_lag_without_a_primary_is_what_was_not_replayed),
		TEST(test_another_primary_drops_all_samples),
		TEST(test_replica_at_the_same_byte_follows),
		TEST(test_address_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
