/*
 * Writes messages at the end of a byte queue.  write_begin starts a message,
 * write_end patches its length; a message is never longer than what PostgreSQL
 * accepts (ensure), since callers bound what they put in.
 */
#ifndef PGWEIR_WIRE_WRITE_H
#define PGWEIR_WIRE_WRITE_H

#include "base/buf.h"

#include <stdint.h>

/* Begins a message of this type ('\0': a startup packet, which has none);
 * returns a mark for write_end. */
size_t write_begin(struct buf *b, char type);
void write_end(struct buf *b, size_t begun);

void write_byte(struct buf *b, uint8_t value);
void write_int16(struct buf *b, int16_t value);
void write_int32(struct buf *b, int32_t value);
/* The bytes, then a NUL. */
void write_text(struct buf *b, struct span text);
void write_bytes(struct buf *b, struct span bytes);

/* Whole messages without a body: ParseComplete, Sync, NoData, ... */
void write_empty(struct buf *b, char type);
/* Whole messages with one string: Query, CommandComplete. */
void write_string_message(struct buf *b, char type, struct span text);
/* ReadyForQuery; status is 'I', 'T' or 'E'. */
void write_ready(struct buf *b, char status);
void write_parameter_status(struct buf *b, struct span name, struct span value);

#endif
