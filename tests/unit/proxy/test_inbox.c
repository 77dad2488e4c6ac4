/*
 * Letters from thread to thread: each arrives once, in the order of its sender.
 */
#include "proxy/turns.h"

#include "base/ensure.h"
#include "inbox.h"

enum { SENDERS = 3, LETTERS = 5000 };

struct receiver {
	struct inbox inbox;
	int next[SENDERS]; /* the number that is due from each */
	int count;
	bool answers; /* posts another letter from within deliver */
};

struct number {
	struct letter letter; /* first */
	int sender, number;
};

static void deliver(struct letter *letter, void *owner);

static void post(struct receiver *r, int sender, int number)
{
	struct number *n = memory_get_zeroed(sizeof *n);

	n->letter.deliver = deliver;
	n->sender = sender;
	n->number = number;
	inbox_post(&r->inbox, &n->letter);
}

static void deliver(struct letter *letter, void *owner)
{
	struct number *n = (struct number *)letter;
	struct receiver *r = owner;

	assert_int_equal(n->number, r->next[n->sender]);
	r->next[n->sender]++;
	r->count++;
	if (r->answers) {
		r->answers = false;
		post(r, n->sender, n->number + 1);
	}
	free(n);
}

struct sender {
	pthread_t thread;
	struct receiver *receiver;
	int number;
};

static void *send_all(void *argument)
{
	struct sender *s = argument;

	for (int i = 0; i < LETTERS; i++)
		post(s->receiver, s->number, i);
	return NULL;
}

static void test_from_many_threads(void **state)
{
	struct receiver r = { .count = 0 };
	struct sender senders[SENDERS];
	struct turns t;

	(void)state;
	turns_begin(&t);
	inbox_init(&r.inbox, &t.loop, &r);
	for (int i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .receiver = &r, .number = i };
		assert_int_equal(
			pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
	}
	turn_until(&t, r.count == SENDERS * LETTERS);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(senders[i].thread, NULL);
	inbox_finish(&r.inbox);
	assert_int_equal(r.count, SENDERS * LETTERS);
	turns_end(&t);
}

static void test_a_letter_posted_while_one_is_delivered(void **state)
{
	struct receiver r = { .answers = true };
	struct turns t;

	(void)state;
	turns_begin(&t);
	inbox_init(&r.inbox, &t.loop, &r);
	post(&r, 0, 0);
	turn_until(&t, r.count == 2);
	inbox_finish(&r.inbox);
	turns_end(&t);
}

static void test_the_end_delivers_what_is_left(void **state)
{
	struct receiver r = { .count = 0 };
	struct turns t;

	(void)state;
	turns_begin(&t);
	inbox_init(&r.inbox, &t.loop, &r);
	for (int i = 0; i < 10; i++)
		post(&r, 1, i);
	inbox_finish(&r.inbox);
	assert_int_equal(r.count, 10);
	turns_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_many_threads),
		cmocka_unit_test(test_a_letter_posted_while_one_is_delivered),
		cmocka_unit_test(test_the_end_delivers_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
