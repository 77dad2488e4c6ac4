/*
 * One connection to a PostgreSQL server: its state, the queue of requests whose
 * answers are outstanding, the statements and settings it carries.
 *
 *   CONNECTING → LOGIN → IDLE ⇄ PINGING
 *                         ⇅
 *                        LENT → RESETTING → IDLE
 *   any → CLOSED
 *
 * Requests are answered in the order they were sent, so answers are matched to
 * the head of the queue.  Each request says whose answer it is: several
 * sessions may one day share a connection (lanes).
 */
#ifndef PGWEIR_SERVER_SERVER_H
#define PGWEIR_SERVER_SERVER_H

#include "conn.h"
#include "server/settings.h"
#include "server/statement.h"
#include "wire/error.h"

#include <stdint.h>

struct pool;
struct server;

/* --- who asks --- */

enum request_kind {
	REQUEST_QUERY, /* simple: ends with ReadyForQuery */
	REQUEST_FUNCTION, /* FunctionCall: ends with ReadyForQuery */
	REQUEST_PARSE,
	REQUEST_BIND,
	REQUEST_DESCRIBE,
	REQUEST_EXECUTE,
	REQUEST_CLOSE,
	REQUEST_SYNC, /* ends with ReadyForQuery */
};

/* What becomes of the answer. */
enum answer_plan {
	ANSWER_PASS, /* to the asker's client */
	ANSWER_DROP, /* we asked for ourselves */
	ANSWER_DROP_BUT_ERROR, /* we asked ahead of the client's request: it sees only failure */
	ANSWER_LOCAL, /* the server was never asked: `local` is the answer */
};

enum request_outcome {
	REQUEST_DONE,
	REQUEST_FAILED, /* an ErrorResponse was its answer */
	REQUEST_SKIPPED, /* the server skipped it after an earlier error */
};

struct asker;

/* A statement this connection knows. */
struct known_statement {
	UT_hash_handle hh; /* by id; uthash keeps them in the order of last use */
	struct statement_id id;
	uint64_t epoch; /* when it was parsed; struct statements */
	char name[STATEMENT_NAME_BYTES];
};

/* An expected error is the client's in other words: ours name what it cannot know. */
struct substitute {
	char sqlstate[6]; /* of the error that is expected; another one passes as it is */
	struct error error; /* what it becomes: NULL fields stay; the texts are owned */
};

/* Each text is copied; NULL: stays. */
struct substitute *substitute_create(const char *expected_sqlstate, const struct error *e);
void substitute_destroy(struct substitute *s);

struct request {
	enum request_kind kind;
	enum answer_plan plan;
	bool is_failed; /* QUERY, FUNCTION: an ErrorResponse came, ReadyForQuery did not yet */
	bool is_learnt; /* PARSE, CLOSE: the statement was added to, taken from server->known */
	bool is_unnamed; /* PARSE: of the unnamed statement */
	bool is_detached; /* of a batch that ends with a Sync of ours, not the client's */
	bool tells_parameters; /* DROP: ParameterStatus is for the client all the same */
	uint8_t purpose; /* DROP: the asker's own, what it asked for */
	uint8_t local_size;
	const char *local; /* static bytes */
	struct asker *asker; /* NULL: nobody, the pool's own */
	struct statement *statement; /* held; PARSE, BIND, CLOSE of a statement */
	struct known_statement *closes; /* owned; CLOSE of ours: known again if it fails */
	struct known_query *query; /* held; what QUERY and EXECUTE run, for statistics */
	void *undo; /* the client side's own: given back in on_request_end */
	struct substitute *substitute; /* owned */
	uint64_t epoch; /* PARSE: when it was sent */
	uint64_t asked_us; /* the client's message was read */
	uint64_t sent_us; /* handed to this connection */
	uint64_t rows;
};

struct asker_ops {
	/* A connection is yours (pool_lend had to wait). */
	void (*on_lent)(struct asker *a, struct server *s);
	/* No connection will come.  `node_failed`: the node itself could not be
	 * used, another one may do. */
	void (*on_refused)(struct asker *a, const struct error *e, bool node_failed);
	/* A request ended; the asker takes what `undo` points to. */
	void (*on_request_end)(struct asker *a, struct server *s, struct request *r,
			       enum request_outcome outcome);
	/* A batch failed before its Sync was sent: the server ignores everything
	 * until that comes. */
	void (*on_batch_failed)(struct asker *a, struct server *s);
	/* A row that answers one of our own requests (ANSWER_DROP with a purpose). */
	void (*on_own_row)(struct asker *a, struct server *s, const struct request *r,
			   struct span body);
	/* ErrorResponse for one of our own requests (ANSWER_DROP).  True: the asker has
	 * reckoned with it; otherwise the connection is closed when this returns. */
	bool (*on_own_error)(struct asker *a, struct server *s, const struct request *r,
			     struct error_fields *fields);
	/* ReadyForQuery: status 'I', 'T' or 'E'; plan says whether the client saw it. */
	void (*on_ready)(struct asker *a, struct server *s, char status, enum answer_plan plan);
	/* The server wants CopyData from the client, or does not any more. */
	void (*on_copy_in)(struct asker *a, struct server *s, bool wants);
	/* ParameterStatus, which the client sees too. */
	void (*on_parameter)(struct asker *a, struct span name, struct span value);
	/* The server says that the statement's row type changed. */
	void (*on_changed)(struct asker *a, struct statement *st);
	/* What the asker calls the statement; empty: nothing. */
	struct span (*name_of)(struct asker *a, const struct statement *st);
	/* There is room again for requests. */
	void (*on_room)(struct asker *a, struct server *s);
	/* The connection is gone, with everything that was outstanding; it was
	 * taken from the asker already. */
	void (*on_lost)(struct asker *a, struct server *s, const struct error *e);
};

/* A session as the server side sees it. */
struct asker {
	const struct asker_ops *ops;
	struct conn *conn; /* the client's: answers go there */
	struct server *server; /* lent to it */
	struct pool *waits_at; /* NULL: waits for nothing */
	uint32_t process; /* of the BackendKeyData that it was given */
	struct asker *prev, *next; /* in that pool's queue */
	const struct settings *settings; /* what it will want set: a hint for the choice */
	uint64_t wants_last_of; /* the connection that last had this key; 0: any */
	uint64_t waits_since_us, waits_until_us;
};

/* --- the connection --- */

#define SERVER_STATES(X)                                                       \
	X(SERVER_CONNECTING, "connecting")                                     \
	X(SERVER_LOGIN, "login")                                               \
	X(SERVER_IDLE, "idle")                                                 \
	X(SERVER_PINGING, "pinging")                                           \
	X(SERVER_LENT, "lent")                                                 \
	X(SERVER_RESETTING, "resetting")                                       \
	X(SERVER_CLOSED, "closed")

enum server_state {
#define X(name, word) name,
	SERVER_STATES(X)
#undef X
	SERVER_STATE_COUNT
};

struct server_login; /* login.c */

struct server {
	struct conn conn; /* first: a conn of a server is a server */
	enum server_state state;
	struct pool *pool;
	struct server *prev, *next; /* in the pool's list for its state */
	struct asker *asker; /* while LENT */

	struct request *queue; /* a ring, owned */
	unsigned queue_head, queue_count, queue_capacity;
	size_t passing; /* bytes of the message under way that pass by count */
	bool passing_is_dropped;
	char status; /* of the last ReadyForQuery */
	bool is_copying_in;
	bool is_streaming; /* CopyBoth: both sides send until both have said CopyDone */
	bool has_streamed; /* and that is over, but ReadyForQuery did not come yet */
	bool has_unread; /* bytes came behind the last ReadyForQuery */
	bool is_tainted; /* may not be lent again */

	struct known_statement *known;
	struct statement_id unnamed; /* what the unnamed statement is; zeros: unknown */
	int unnamed_due; /* Parses of it that are not answered */
	bool is_unnamed_of_batch; /* the last of them is in the batch that is open */
	struct settings *settings; /* held; what was set on it */

	struct buf greeting; /* the ParameterStatus messages of its login */
	uint32_t process, secret; /* BackendKeyData */
	uint64_t last_key; /* the asker's own: who had it last; 0: nobody since its reset */
	int cancels; /* cancel connections under way: not lent until they ended */
	bool was_ready; /* its login succeeded */
	bool is_leaving; /* idle, promised to another worker */
	int leaves_to; /* that worker */
	struct server_login *login; /* while LOGIN; owned */
	uint64_t dies_us, idle_since_us, deadline_us; /* loop_now_us */
	uint64_t last_end_us; /* when the last answer was complete */
};

/* The states' words. */
const char *server_state_word(enum server_state state);
/* The one mutator; only transitions of the drawing above. */
void server_set_state(struct server *s, enum server_state state);

/* Starts to connect and log in; the pool hears how it went.  NULL: the kernel
 * refused (error gets the errno). */
struct server *server_create(struct pool *pool, int *error);

/* Puts a request at the end of the queue; holds its statement and query.  An
 * ANSWER_LOCAL is given at once when nothing is outstanding before it. */
void server_ask(struct server *s, const struct request *r);
static inline struct request *server_head(struct server *s)
{
	return s->queue_count ? &s->queue[s->queue_head] : NULL;
}
/* Takes the head off, telling its asker. */
void server_pop(struct server *s, enum request_outcome outcome);
/* The head failed: it and all up to the next Sync end, the newest first, so that
 * what they changed can be undone in reverse.  False: there is no Sync yet. */
bool server_skip_to_sync(struct server *s);
/* COPY FROM began: the server ignores what Syncs are already on their way. */
void server_drop_syncs(struct server *s);

enum knowledge {
	KNOWS_NOT,
	KNOWS_OLD, /* parsed before that epoch: to be parsed anew */
	KNOWS,
};

/* Is the statement known here, as of this epoch (struct statements)?  Counts as a use. */
enum knowledge server_knows(struct server *s, const struct statement *st, uint64_t epoch);
/* What is known of it may be out of date: who parses it now gets it parsed. */
void server_doubt(struct server *s, const struct statement *st);
/* Asks to close it, so that it can be learnt anew. */
void server_unlearn(struct server *s, const struct statement *st, struct asker *a);
/* Some may be known no more, nobody knows which. */
void server_doubt_all(struct server *s);
/* Notes that it is; asks to close the least recently used one when there are
 * more than the configured number. */
void server_learn(struct server *s, const struct statement *st, struct asker *a);
void server_forget(struct server *s, struct statement_id id);
void server_forget_all(struct server *s);

/* The last Parse of the unnamed statement may yet fail, and what depends on it would
 * not be skipped: then the unnamed statement is an older one, perhaps of a client
 * that had the connection before. */
static inline bool server_is_unnamed_unsure(const struct server *s)
{
	return s->unnamed_due > 0 && !s->is_unnamed_of_batch;
}

/* ParameterStatus: s->greeting is what a client that got it now would be told. */
void server_note_parameter(struct server *s, struct span name, struct span value);

/* Nothing outstanding, no transaction, nothing unread: may be lent to another. */
bool server_is_clean(const struct server *s);

/* The one exit: tells the asker and the pool, logs once, closes. */
void server_fail(struct server *s, const struct error *e);
/* The same when nobody needs to be told: recycled, idle for long, a tainted one. */
void server_close(struct server *s, const char *reason);

#endif
