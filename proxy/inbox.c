/*
 * Inboxes (inbox.h): a list under a lock, which is never on the path of a query.
 */
#include "inbox.h"

#include "base/ensure.h"

#include <stddef.h>

void inbox_empty(struct inbox *inbox)
{
	struct letter *letter;

	pthread_mutex_lock(&inbox->lock);
	letter = inbox->first;
	inbox->first = inbox->last = NULL;
	pthread_mutex_unlock(&inbox->lock);
	while (letter) {
		struct letter *next = letter->next;

		letter->deliver(letter, inbox->owner);
		letter = next;
	}
}

static void on_wake(struct loop_wake *wake)
{
	inbox_empty((struct inbox *)((char *)wake - offsetof(struct inbox, wake)));
}

void inbox_init(struct inbox *inbox, struct loop *loop, void *owner)
{
	*inbox = (struct inbox){ .loop = loop, .owner = owner };
	ensure(pthread_mutex_init(&inbox->lock, NULL) == 0);
	loop_wake_start(loop, &inbox->wake, on_wake);
}

void inbox_finish(struct inbox *inbox)
{
	inbox_empty(inbox);
	loop_wake_stop(inbox->loop, &inbox->wake);
	pthread_mutex_destroy(&inbox->lock);
}

void inbox_post(struct inbox *inbox, struct letter *letter)
{
	letter->next = NULL;
	pthread_mutex_lock(&inbox->lock);
	if (inbox->last)
		inbox->last->next = letter;
	else
		inbox->first = letter;
	inbox->last = letter;
	pthread_mutex_unlock(&inbox->lock);
	loop_wake_send(inbox->loop, &inbox->wake);
}
