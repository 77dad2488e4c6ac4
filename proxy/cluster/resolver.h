/*
 * Finds the addresses of node names without ever blocking the loop: a name is
 * looked up in a thread of its own, numbers and Unix sockets at once.
 */
#ifndef PGWEIR_CLUSTER_RESOLVER_H
#define PGWEIR_CLUSTER_RESOLVER_H

#include "loop.h"

#include <sys/socket.h>

struct resolver;

enum { RESOLVED_ADDRESSES = 4 }; /* of one name, at most; the first ones */

struct resolved {
	int count; /* 0: the name could not be resolved, see reason */
	struct sockaddr_storage addresses[RESOLVED_ADDRESSES];
	socklen_t sizes[RESOLVED_ADDRESSES];
	char reason[128];
};

typedef void on_resolved(void *context, int tag, const struct resolved *resolved);

struct resolver *resolver_create(struct loop *loop, on_resolved *on_resolved, void *context);
/* Look-ups under way end by themselves later, unheard. */
void resolver_destroy(struct resolver *r);

/* A number ("::1") or a Unix socket directory ("/..."): answers now, true. */
bool resolver_knows(const char *host, int port, struct resolved *resolved);
/* Looks the name up; the callback comes from the loop, never from this call.
 * `tag` comes back with it.  The caller asks one name once at a time, because
 * each look-up is a thread. */
void resolver_ask(struct resolver *r, int tag, const char *host, int port);

#endif
