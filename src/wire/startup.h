/*
 * The first packet of a connection, which has no type byte: a protocol 3
 * StartupMessage, SSLRequest, GSSENCRequest or CancelRequest.
 */
#ifndef PGWEIR_WIRE_STARTUP_H
#define PGWEIR_WIRE_STARTUP_H

#include "base/buf.h"
#include "wire/read.h"

#include <stdint.h>

enum {
	STARTUP_LIMIT_BYTES = 10000, /* as PostgreSQL's MAX_STARTUP_PACKET_LENGTH */
	STARTUP_MAX_PARAMETERS = 100,
	STARTUP_NAME_BYTES = 63, /* of a user or database name, NAMEDATALEN - 1 */
};

enum startup_kind {
	STARTUP_MORE, /* not complete yet */
	STARTUP_MESSAGE, /* protocol 3.x */
	STARTUP_SSL,
	STARTUP_GSS,
	STARTUP_CANCEL,
	STARTUP_BAD_LENGTH, /* not a PostgreSQL client at all, perhaps HTTP */
	STARTUP_BAD_VERSION, /* protocol 2, or 4 and later */
	STARTUP_BAD_LAYOUT, /* a name without a value or twice, no final NUL, rubbish behind */
};

struct startup {
	size_t size; /* bytes of the whole packet */
	int major, minor; /* of MESSAGE and BAD_VERSION */
	struct span parameters; /* of MESSAGE: name NUL value NUL ... without the last NUL */
	int parameter_count;
	uint32_t cancel_process, cancel_secret; /* of CANCEL */
};

enum startup_kind startup_parse(struct span bytes, struct startup *s);

/* The next pair of s->parameters; false at the end. */
bool startup_next(struct reader *parameters, struct span *name, struct span *value);
/* The value of a parameter; an empty span with data == NULL when it is absent. */
struct span startup_find(const struct startup *s, const char *name);

/* The parameter "replication", with PostgreSQL's Booleans and "database". */
enum startup_replication { REPLICATION_OFF, REPLICATION_ON, REPLICATION_BAD };

enum startup_replication startup_replication(const struct startup *s);

/*
 * The parameter "options" as PostgreSQL's backend reads it: arguments apart by
 * white space, a backslash quotes one character; "-c name=value" and
 * "--name=value" are settings ('-' in a name stands for '_').
 */
enum options_result { OPTIONS_SETTING, OPTIONS_END, OPTIONS_BAD };

struct options_setting {
	char name[128]; /* NUL-terminated */
	char value[1024];
};

enum options_result options_next(struct span *left, struct options_setting *setting);

/* A startup packet to a server.  Names from startup_find hold no NUL (ensure).  `pairs`
 * (name NUL value NUL ...) is empty for a connection that others may get: what is
 * set at startup survives DISCARD ALL. */
void startup_write(struct buf *b, struct span user, struct span database, struct span pairs);
/* The pairs of a client for a connection of its own: all but its names, which are
 * arguments above, and the options of the protocol, which we have answered. */
void startup_write_pairs(struct buf *b, const struct startup *s);
void startup_write_cancel(struct buf *b, uint32_t process, uint32_t secret);
/* NegotiateProtocolVersion: 3.0 is what we speak; the names of unknown _pq_. options follow. */
void startup_write_negotiate(struct buf *b, const struct startup *s);

#endif
