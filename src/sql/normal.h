/*
 * The normal form of a text: what is left when white space, comments, letter
 * case outside quotes and the values of literals do not count.  Two texts with
 * the same normal form have the same verdict, so it is what verdicts are kept
 * by; it is SQL again once its placeholders have values.
 *
 *	SELECT a FROM t WHERE b=123 AND c IN ('x','y') -- why
 *	select a from t where b = $? and c in ('$?')
 *
 * Only in statements that begin with SELECT, INSERT, UPDATE, DELETE, MERGE,
 * VALUES, TABLE or WITH.  Any other statement stays byte for byte what it was,
 * for its literals may be what it does.  No token of PostgreSQL is "$?", and
 * where literals are replaced no other literal is left: '$?' is one of ours.
 */
#ifndef PGWEIR_SQL_NORMAL_H
#define PGWEIR_SQL_NORMAL_H

#include "base/span.h"
#include "sql/verdict.h"

#define NORMAL_NUMBER "$?"
#define NORMAL_STRING "'$?'"

enum {
	/* libpg_query recurses (A17).  Measured with its protobuf tree: 1.4 KB of stack
	 * for "+1", 6 KB for "(select ".  With these limits 1.3 MB is enough. */
	NORMAL_BYTES_MAX = 64 * 1024,
	NORMAL_NESTING_MAX = 100,
	NORMAL_CHAIN_MAX = 500, /* links: see chain.h */
};

struct normal {
	struct span text; /* in the caller's room; meaningless when too long */
	struct span first_word; /* of the text that was read; empty if none */
	unsigned statement_count;
	enum route_hint hint; /* it is also part of the normal form, at its end */
	/* No branch of the parse tree is longer than this (both limits above). */
	unsigned chain, nesting;
	bool is_too_long; /* does not fit into the room */
	bool is_broken; /* has no tokens: an error, or newer than we are */
	/* A literal kept as it was means something else to a parser that has
	 * standard_conforming_strings on. */
	bool has_old_escapes;
};

struct normal_options {
	bool standard_conforming_strings;
	bool for_people; /* no literal of any statement is shown: it may be a password */
};

/* Room for NORMAL_BYTES_MAX or less; more never is written. */
void normal_make(struct normal *n, struct span text, const struct normal_options *options,
		 char *room, size_t room_size);

/* Is it within the limits? */
bool normal_is_bounded(const struct normal *n);

/* Gives the placeholders in a normal form values of the same size, in place. */
void normal_fill(char *text, size_t size);

#endif
