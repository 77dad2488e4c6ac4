/*
 * ErrorResponse and NoticeResponse: written in PostgreSQL's own style, read
 * from servers that may send anything.
 */
#ifndef PGWEIR_WIRE_ERROR_H
#define PGWEIR_WIRE_ERROR_H

#include "base/buf.h"

struct error {
	const char *severity; /* "ERROR", "FATAL" */
	const char *sqlstate; /* five characters */
	const char *message; /* lower case, no full stop */
	const char *detail; /* NULL: none */
	const char *hint; /* NULL: none */
};

void error_write(struct buf *b, const struct error *e);

/* What a server's error says; spans into the body, empty when a field is
 * missing.  Never fails: a field that is not terminated is not there. */
struct error_fields {
	struct span severity, sqlstate, message, detail, hint;
};

void error_read(struct span body, struct error_fields *fields);

/* Writes a server's error with what is not NULL in `e` in place of its own; what
 * speaks of the text that the server saw (its position) is left out. */
void error_rewrite(struct buf *b, struct span body, const struct error *e);

#endif
