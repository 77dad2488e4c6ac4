/*
 * The sockets clients connect to: binds, listens, accepts in the control thread.
 */
#ifndef PGWEIR_LISTENER_H
#define PGWEIR_LISTENER_H

#include "config/config.h"
#include "loop.h"

#include <stddef.h>

struct listeners;

/* A client's socket: connected, non-blocking, the callee's. */
typedef void on_client(void *context, int fd);

/* Opens all of config->listen; NULL with the reason in `error`. */
struct listeners *listeners_open(const struct config *config, char *error, size_t error_size);
void listeners_start(struct listeners *all, struct loop *loop, on_client *callback, void *context);
/* No more clients; Unix sockets are removed. */
void listeners_close(struct listeners *all);

#endif
