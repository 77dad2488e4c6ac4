/*
 * The heads of the extended protocol's messages: which statement, which portal,
 * which text.  What lies behind a head (parameters, formats) is passed on unread.
 */
#ifndef PGWEIR_WIRE_EXTENDED_H
#define PGWEIR_WIRE_EXTENDED_H

#include "base/buf.h"

#include <stdint.h>

struct parse_message {
	struct span name; /* empty: the unnamed statement */
	struct span query;
	struct span types; /* the count and the type OIDs, as they came */
};

/* A whole Parse body; false when it is malformed. */
bool parse_message_read(struct span body, struct parse_message *m);
void parse_message_write(struct buf *b, struct span name, struct span query, struct span types);

enum head_result { HEAD_READ, HEAD_MORE, HEAD_BAD };

struct bind_head {
	struct span portal, statement;
	size_t size; /* bytes of the two names with their NULs */
};

/* The two names at the start of a Bind body that may not be whole: `whole` says
 * whether `body` is all of it, so that a missing NUL is wrong and not just late. */
enum head_result bind_head_read(struct span body, bool whole, struct bind_head *h);
/* The head of a Bind whose rest (`rest_size` bytes) the caller sends behind it.
 * Fits whatever a client sent when the new name is at most FRAME_RENAME_BYTES longer. */
void bind_head_write(struct buf *b, struct span portal, struct span statement, size_t rest_size);

/* A Bind of the unnamed portal to the unnamed statement: begin with the number of its
 * parameters, each of them as text (NULL: null), end. */
size_t bind_message_begin(struct buf *b, int count);
void bind_message_text(struct buf *b, const char *text);
void bind_message_end(struct buf *b, size_t begun);

/* Describe and Close: 'S' or 'P', and a name. */
struct named_message {
	char what;
	struct span name;
};

bool named_message_read(struct span body, struct named_message *m);
void named_message_write(struct buf *b, char type, char what, struct span name);

struct execute_message {
	struct span portal;
	int32_t row_limit;
};

bool execute_message_read(struct span body, struct execute_message *m);
/* Of the unnamed portal, all rows. */
void execute_message_write(struct buf *b);

/* The row count at the end of a command tag: "SELECT 5" → 5, "INSERT 0 3" → 3,
 * "BEGIN" → 0. */
uint64_t command_rows(struct span tag);

#endif
