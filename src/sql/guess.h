/*
 * What a text may do that was not parsed, guessed from its words: too long, newer
 * than our grammar, an error, in an encoding we cannot read, or the body of DO.
 * A guess errs towards "yes".
 */
#ifndef PGWEIR_SQL_GUESS_H
#define PGWEIR_SQL_GUESS_H

#include "base/span.h"
#include "sql/verdict.h"

struct guess {
	bool may_leave; /* something in the session: a setting, a temporary table, … */
	bool may_change_schema;
};

/* SQL that our lexer can read. */
struct guess guess_from_tokens(struct span text, bool standard_conforming_strings);

/* Bytes: what looks like a word counts also within quotes and comments.  Right
 * for all encodings of PostgreSQL, since a keyword is ASCII in each of them and
 * never touches a character that is not. */
struct guess guess_from_bytes(struct span text);

#endif
