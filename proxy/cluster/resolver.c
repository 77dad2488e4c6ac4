/*
 * One thread for each look-up, since getaddrinfo blocks for as long as a dead
 * name server likes.  It is not for data connections: they get the addresses
 * found here.  Called in the control thread.
 *
 * A look-up may outlive the resolver, so both own the `shared` part by count;
 * the thread may touch the loop only under its lock and while it is not closed.
 */
#include "cluster/resolver.h"

#include "base/ensure.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <utlist.h>

struct shared;

struct lookup {
	struct lookup *next;
	struct shared *shared;
	int tag, port;
	char *host;
	struct resolved resolved;
};

struct shared {
	pthread_mutex_t lock;
	int owners; /* the resolver and each running look-up */
	bool is_closed; /* the resolver ended: its loop must not be touched */
	struct lookup *done; /* answered, not yet heard */
	struct loop *loop;
	struct loop_wake *wake;
};

struct resolver {
	struct loop_wake wake;
	struct loop *loop;
	struct shared *shared;
	on_resolved *on_resolved;
	void *context;
};

static void lookup_destroy(struct lookup *l)
{
	free(l->host);
	free(l);
}

/* The lock is held and is given back. */
static void shared_leave(struct shared *s)
{
	bool is_last = --s->owners == 0;

	pthread_mutex_unlock(&s->lock);
	if (!is_last)
		return;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void keep_addresses(struct resolved *resolved, const struct addrinfo *list)
{
	const struct addrinfo *a;

	for (a = list; a && resolved->count < RESOLVED_ADDRESSES; a = a->ai_next) {
		if (a->ai_addrlen > sizeof(resolved->addresses[0]))
			continue;
		memcpy(&resolved->addresses[resolved->count], a->ai_addr, a->ai_addrlen);
		resolved->sizes[resolved->count++] = a->ai_addrlen;
	}
}

/* With AI_NUMERICHOST it asks no server and does not block. */
static void look_up(const char *host, int port, int flags, struct resolved *resolved)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char service[16];
	int error;

	memset(resolved, 0, sizeof(*resolved));
	snprintf(service, sizeof(service), "%d", port);
	error = getaddrinfo(host, service, &hints, &list);
	if (error) {
		snprintf(resolved->reason, sizeof(resolved->reason),
			 "could not resolve the name: %s", gai_strerror(error));
		return;
	}
	keep_addresses(resolved, list);
	freeaddrinfo(list);
	if (resolved->count == 0)
		snprintf(resolved->reason, sizeof(resolved->reason),
			 "could not resolve the name: no address");
}

static void make_socket_path(const char *directory, int port, struct resolved *resolved)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&resolved->addresses[0];
	int size;

	memset(resolved, 0, sizeof(*resolved));
	address->sun_family = AF_UNIX;
	size = snprintf(address->sun_path, sizeof(address->sun_path), "%s/.s.PGSQL.%d", directory,
			port);
	if (size < 0 || (size_t)size >= sizeof(address->sun_path)) {
		snprintf(resolved->reason, sizeof(resolved->reason),
			 "the path of the Unix socket is too long");
		return;
	}
	resolved->sizes[0] = sizeof(*address);
	resolved->count = 1;
}

bool resolver_knows(const char *host, int port, struct resolved *resolved)
{
	if (host[0] == '/') {
		make_socket_path(host, port, resolved);
		return true;
	}
	look_up(host, port, AI_NUMERICHOST, resolved);
	return resolved->count > 0;
}

static void *run_lookup(void *argument)
{
	struct lookup *l = argument;
	struct shared *s = l->shared;

	look_up(l->host, l->port, 0, &l->resolved);
	pthread_mutex_lock(&s->lock);
	if (s->is_closed) {
		lookup_destroy(l);
	} else {
		LL_APPEND(s->done, l);
		loop_wake_send(s->loop, s->wake);
	}
	shared_leave(s);
	return NULL;
}

static bool start_thread(struct lookup *l)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	int error;

	/* Signals are the control thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attributes, run_lookup, l);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0;
}

void resolver_ask(struct resolver *r, int tag, const char *host, int port)
{
	struct shared *s = r->shared;
	struct lookup *l = memory_get_zeroed(sizeof(*l));

	l->shared = s;
	l->tag = tag;
	l->port = port;
	l->host = memory_copy_text(host);
	pthread_mutex_lock(&s->lock);
	s->owners++;
	pthread_mutex_unlock(&s->lock);
	if (start_thread(l))
		return;
	snprintf(l->resolved.reason, sizeof(l->resolved.reason),
		 "could not resolve the name: no thread");
	pthread_mutex_lock(&s->lock);
	LL_APPEND(s->done, l);
	loop_wake_send(r->loop, &r->wake);
	shared_leave(s);
}

static struct lookup *take_done(struct shared *s)
{
	struct lookup *done;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	s->done = NULL;
	pthread_mutex_unlock(&s->lock);
	return done;
}

static void on_wake(struct loop_wake *wake)
{
	struct resolver *r = (struct resolver *)((char *)wake - offsetof(struct resolver, wake));
	struct lookup *l, *next, *done = take_done(r->shared);

	LL_FOREACH_SAFE(done, l, next) {
		r->on_resolved(r->context, l->tag, &l->resolved);
		lookup_destroy(l);
	}
}

struct resolver *resolver_create(struct loop *loop, on_resolved *on_resolved_, void *context)
{
	struct resolver *r = memory_get_zeroed(sizeof(*r));

	r->loop = loop;
	r->on_resolved = on_resolved_;
	r->context = context;
	r->shared = memory_get_zeroed(sizeof(*r->shared));
	pthread_mutex_init(&r->shared->lock, NULL);
	r->shared->owners = 1;
	r->shared->loop = loop;
	r->shared->wake = &r->wake;
	loop_wake_start(loop, &r->wake, on_wake);
	return r;
}

void resolver_destroy(struct resolver *r)
{
	struct lookup *l, *next;

	if (!r)
		return;
	loop_wake_stop(r->loop, &r->wake);
	pthread_mutex_lock(&r->shared->lock);
	r->shared->is_closed = true;
	LL_FOREACH_SAFE(r->shared->done, l, next)
		lookup_destroy(l);
	shared_leave(r->shared);
	free(r);
}
