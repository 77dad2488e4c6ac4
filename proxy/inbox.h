/*
 * Messages from thread to thread: each thread has one inbox, emptied in its loop.
 * A letter is one allocation; whoever delivers it owns it.
 */
#ifndef PGWEIR_INBOX_H
#define PGWEIR_INBOX_H

#include "loop.h"

#include <pthread.h>

struct letter {
	struct letter *next;
	/* Called on the receiver's thread; frees the letter. */
	void (*deliver)(struct letter *letter, void *owner);
};

struct inbox {
	pthread_mutex_t lock;
	struct letter *first, *last;
	struct loop *loop;
	struct loop_wake wake;
	void *owner;
};

void inbox_init(struct inbox *inbox, struct loop *loop, void *owner);
/* Delivers what is still in it, then ends it; the loop has stopped. */
void inbox_finish(struct inbox *inbox);
/* From any thread. */
void inbox_post(struct inbox *inbox, struct letter *letter);
/* Delivers everything that is in it now. */
void inbox_empty(struct inbox *inbox);

#endif
