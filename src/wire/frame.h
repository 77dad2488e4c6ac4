/*
 * The frame codec: bytes → one message, or more bytes are needed, or nonsense.
 * Looks at the five bytes of a header and nothing else; never copies.
 * (PostgreSQL documentation, chapter "Frontend/Backend Protocol".)
 */
#ifndef PGWEIR_WIRE_FRAME_H
#define PGWEIR_WIRE_FRAME_H

#include "base/span.h"

#include <stdint.h>

enum {
	FRAME_HEADER_BYTES = 5,
	FRAME_SMALL_LIMIT = 10000, /* of the length field, as PostgreSQL's */
	FRAME_LARGE_LIMIT = 0x3ffffffe, /* the largest that PostgreSQL reads */
	/* A client's largest is smaller, so that a Bind or Parse whose statement we
	 * rename still fits: no client can make us write too long a message. */
	FRAME_RENAME_BYTES = 1024,
	/* A server's largest: PostgreSQL bounds the body of what it sends, not the length. */
	FRAME_SERVER_LIMIT = FRAME_LARGE_LIMIT + 4,
	FRAME_PASSWORD_LIMIT = 65536,
};

/* Client messages are CLIENT_QUERY etc., server messages SERVER_READY etc. */
#define MESSAGE(side, letter, name, limit) side##_##name = letter,
enum message_type {
#include "wire/message.def"
};
#undef MESSAGE

enum frame_side { FRAME_FROM_CLIENT, FRAME_FROM_SERVER };

enum frame_result {
	FRAME_WHOLE, /* the whole message is here */
	FRAME_PARTIAL, /* its header is here, its body is not complete */
	FRAME_MORE, /* not even the header is complete */
	FRAME_BAD_TYPE, /* no such message from this side */
	FRAME_BAD_LENGTH, /* below 4, or above the limit of its type */
};

struct frame {
	char type;
	size_t size; /* bytes of the whole message with its header */
	struct span body; /* what is here of it behind the header */
};

/* The message at the start of `bytes`.  `f` is filled in for WHOLE and PARTIAL,
 * its type also for the BAD results. */
enum frame_result frame_next(enum frame_side side, struct span bytes, struct frame *f);

/* "Query", "DataRow", ...: for people; "?" for an unknown letter. */
const char *frame_name(enum frame_side side, char type);

#endif
