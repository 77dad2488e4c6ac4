/*
 * What one message's SQL may do, as a value.  A verdict is a pure function of
 * the normal form of the text; it knows nothing of nodes, sessions or the
 * catalogue.  Immutable after creation; one allocation holds it all.
 */
#ifndef PGWEIR_SQL_VERDICT_H
#define PGWEIR_SQL_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict_kind {
	VERDICT_READ, /* harmless, provided its functions and relations are */
	VERDICT_WRITE, /* may write, or is not understood */
	VERDICT_CONTROL, /* only BEGIN, COMMIT, ROLLBACK, SAVEPOINT, ... */
	VERDICT_SESSION, /* SET, LISTEN, PREPARE, ...: belongs to one connection */
	VERDICT_EMPTY, /* no statement at all */
};

/* Why a verdict is what it is; the words appear in /stats and logs. */
#define VERDICT_REASONS(X)                                                     \
	X(VERDICT_BECAUSE_READ, "read")                                        \
	X(VERDICT_BECAUSE_WRITE, "write")                                      \
	X(VERDICT_BECAUSE_CONTROL, "transaction_control")                      \
	X(VERDICT_BECAUSE_SESSION, "session_statement")                        \
	X(VERDICT_BECAUSE_LOCKING, "locking_clause")                           \
	X(VERDICT_BECAUSE_INTO, "select_into")                                 \
	X(VERDICT_BECAUSE_WRITING_CTE, "writing_cte")                          \
	X(VERDICT_BECAUSE_EXPLAIN_ANALYZE, "explain_analyze")                  \
	X(VERDICT_BECAUSE_FUNCTION, "dangerous_function")                      \
	X(VERDICT_BECAUSE_TOO_LONG, "too_long")                                \
	X(VERDICT_BECAUSE_TOO_DEEP, "too_deep")                                \
	X(VERDICT_BECAUSE_NOT_PARSED, "not_parsed")                            \
	X(VERDICT_BECAUSE_ENCODING, "unsafe_encoding")                         \
	X(VERDICT_BECAUSE_HINT, "hint")                                        \
	X(VERDICT_BECAUSE_EMPTY, "empty")

enum verdict_reason {
#define X(name, word) name,
	VERDICT_REASONS(X)
#undef X
	VERDICT_REASON_COUNT
};

/* What binds a session to its server connection from this message on. */
#define PIN_REASONS(X)                                                         \
	X(PIN_NONE, "none")                                                    \
	X(PIN_SET, "set")                                                      \
	X(PIN_LISTEN, "listen")                                                \
	X(PIN_TEMPORARY_TABLE, "temporary_table")                              \
	X(PIN_ADVISORY_LOCK, "advisory_lock")                                  \
	X(PIN_HOLD_CURSOR, "hold_cursor")                                      \
	X(PIN_PREPARE, "prepare")                                              \
	X(PIN_SET_CONFIG, "set_config")                                        \
	X(PIN_LOAD, "load")                                                    \
	X(PIN_FUNCTION, "function")                                            \
	X(PIN_UNRESETTABLE, "unresettable")                                    \
	X(PIN_TOO_LONG, "too_long")                                            \
	X(PIN_NOT_PARSED, "not_parsed")                                        \
	X(PIN_SESSION_MODE, "session_mode")                                    \
	X(PIN_REPLICATION, "replication")

enum pin_reason {
#define X(name, word) name,
	PIN_REASONS(X)
#undef X
	PIN_REASON_COUNT
};

enum route_hint { HINT_NONE, HINT_PRIMARY, HINT_REPLICA };

/* What a message of one statement does to the transaction it stands in. */
enum transaction_step {
	STEP_NONE, /* nothing; also: more than one statement */
	STEP_BEGIN, /* BEGIN */
	STEP_START, /* START TRANSACTION */
	STEP_MODE, /* SET TRANSACTION, but for SNAPSHOT */
	STEP_COMMIT, /* COMMIT, END; without AND CHAIN */
	STEP_ROLLBACK, /* ROLLBACK, ABORT; without AND CHAIN */
	STEP_OTHER, /* SAVEPOINT, COMMIT AND CHAIN, PREPARE TRANSACTION, ... */
};

/* What BEGIN, START TRANSACTION and SET TRANSACTION ask for. */
struct transaction_mode {
	enum { ACCESS_DEFAULT, ACCESS_READ_ONLY, ACCESS_READ_WRITE } access;
	enum { ISOLATION_DEFAULT, ISOLATION_SERIALIZABLE, ISOLATION_OTHER } isolation;
};

struct verdict {
	enum verdict_kind kind;
	enum verdict_reason reason;
	enum pin_reason pin; /* the first of `pins` */
	unsigned pins; /* bits: 1u << reason */
	enum route_hint hint; /* "/" "* pgweir: primary *" "/" anywhere in the text */
	/* Nothing but SET, SHOW, LISTEN, …: a trace in the session perhaps, none in the
	 * database. */
	bool writes_nothing;
	enum transaction_step step;
	struct transaction_mode mode; /* STEP_BEGIN, STEP_START, STEP_MODE */
	bool changes_schema; /* DDL: the catalogue must be read again */
	bool resets_settings; /* RESET, SET ... TO DEFAULT, DISCARD ALL: of some or all */
	bool resets_all; /* RESET ALL, DISCARD ALL */
	/* set_config() that may outlive its transaction: of a setting that only the text
	 * names (set_config_names). */
	bool sets_config;
	bool reads_sequence; /* currval(), lastval(): of what this session did before */
	/* PREPARE, EXECUTE, DEALLOCATE among others: names that are the server's to know. */
	bool names_prepared;
	bool may_end_pin; /* UNLISTEN, DROP, DEALLOCATE, pg_advisory_unlock(), … */
	bool drops_prepared; /* DEALLOCATE ALL, DISCARD ALL */
	bool discards_all; /* DISCARD ALL */
	/* The name in a message that is nothing but "DEALLOCATE name"; else NULL. */
	const char *deallocates;
	const char *const *deallocated; /* names in any message */
	/* Everything named below is "name" or "schema.name", as PostgreSQL folds
	 * it (unquoted: lower case), without duplicates; the verdict owns it. */
	const char *const *functions; /* also operators' names are not here: see volatility.h */
	const char *const *operators; /* e.g. "+", "@>", "pg_catalog.+" */
	const char *const *relations; /* read or written, without CTE names */
	const char *const *written; /* those of them that INSERT, UPDATE, ... name as a target */
	const char *const *types; /* cast to */
	/* The b of "a.b" and "(a).b": a column, or else the function b(a). */
	const char *const *attributes;
	const char *const *settings; /* SET or RESET for the session; lower case */
	const char *const *sets; /* those of them that are not RESET afterwards */
	uint16_t function_count, operator_count, relation_count, written_count, type_count,
		attribute_count, setting_count, set_count, deallocated_count;
	uint32_t size_bytes; /* of the one allocation */
};

const char *verdict_reason_word(enum verdict_reason reason);
const char *pin_reason_word(enum pin_reason reason);

/* While it is made: one reason more. */
static inline void verdict_add_pin(struct verdict *v, enum pin_reason pin)
{
	if (pin == PIN_NONE)
		return;
	v->pins |= 1u << pin;
	if (v->pin == PIN_NONE)
		v->pin = pin;
}

/* free(3) on the one allocation; NULL is allowed. */
void verdict_destroy(struct verdict *v);

#endif
