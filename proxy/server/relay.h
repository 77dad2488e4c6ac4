/*
 * The way back: bytes of a server → the client who asked.  Each message is
 * passed, dropped or answers a request of our own, by the head of the queue.
 */
#ifndef PGWEIR_SERVER_RELAY_H
#define PGWEIR_SERVER_RELAY_H

#include "server/server.h"

/* Returns how many of the bytes were used up (conn_ops.on_bytes). */
size_t relay_bytes(struct server *s, struct span bytes);
/* Gives the answers at the head of the queue that are ours to give. */
void relay_give_local(struct server *s);

#endif
