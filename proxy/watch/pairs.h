/*
 * Which (state, message) pairs this process met: for the table that tests/run
 * prints, in builds with PGWEIR_COVERAGE.  Any other build compiles nothing of
 * it.  Knows no states by name: tests/pairs.py reads them from their headers.
 * Any thread.
 */
#ifndef PGWEIR_WATCH_PAIRS_H
#define PGWEIR_WATCH_PAIRS_H

#include "base/span.h"

enum pairs_table {
	PAIRS_FIRST, /* enum startup_kind, no message */
	PAIRS_CLIENT, /* enum session_state, a client's message */
	PAIRS_HELD, /* the same, but the state lets it wait */
	PAIRS_SERVER, /* enum server_state, a server's message */
	PAIRS_ANSWER, /* enum request_kind of the oldest request, a server's message */
	PAIRS_TABLES
};

enum { PAIRS_NO_REQUEST = 15 }; /* PAIRS_ANSWER: nothing is outstanding */

#ifdef PGWEIR_COVERAGE
/* Counted, and appended at the process's end to the file $PGWEIR_PAIRS. */
void pairs_note(enum pairs_table table, int state, char type);
/* All messages that begin in these bytes of a client. */
void pairs_note_held(int state, struct span bytes);
#else
static inline void pairs_note(enum pairs_table table, int state, char type)
{
	(void)table, (void)state, (void)type;
}
static inline void pairs_note_held(int state, struct span bytes)
{
	(void)state, (void)bytes;
}
#endif

#endif
