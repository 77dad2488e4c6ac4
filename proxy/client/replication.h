/*
 * Replication connections: a client that said replication=… gets a connection to
 * the primary of its own, opened with all that it said at start-up and closed when
 * it leaves.  Its messages pass unread: replication commands are no SQL, and
 * nobody else ever sees what they leave behind.
 */
#ifndef PGWEIR_CLIENT_REPLICATION_H
#define PGWEIR_CLIENT_REPLICATION_H

#include "client/session.h"
#include "wire/startup.h"

/* The StartupMessage asks for replication: this session is of that kind from now on. */
void replication_begin(struct session *s, const struct startup *startup);
/* GREETING: opens its connection, or waits for a primary. */
void replication_ask(struct session *s);

/* The handler of all that a client may send but COPY data and Terminate. */
enum take replication_take(struct session *s, const struct incoming *m);

/* The process ends: so does the session, unless it is in the middle of a command. */
void replication_drain(struct session *s);
/* The session is buried. */
void replication_destroy(struct replication *r);

#endif
