/*
 * One client: a state, a table of what each state does with each message, one
 * mutator.  The way of a query starts here:
 *
 *   session.c   bytes → messages → the handler of (state, message)
 *   startup.c   StartupMessage, SSLRequest, CancelRequest
 *   login.c     SCRAM, md5; the greeting with a server's parameters
 *   query.c     Query, COPY: judged, routed, lent a server, passed on
 *   batch.c     the extended protocol; look.c judges a batch, pass.c passes it on
 *   prepared.c  names of prepared statements
 *   carried.c   settings, carried from connection to connection
 *   pins.c      what binds a session to its connection
 *   own.c       requests of our own, for these two
 *   replication.c  replication connections: a server of their own, messages unread
 *   answer.c    what came back: ReadyForQuery, errors, lost connections
 *   cancel.c    CancelRequests
 *   report.c    what is shown of them
 *
 * A session owns its client's socket; a server is only lent to it.
 */
#ifndef PGWEIR_CLIENT_SESSION_H
#define PGWEIR_CLIENT_SESSION_H

#include "auth/credential.h"
#include "conn.h"
#include "route/router.h"
#include "server/pool.h"
#include "sql/verdicts.h"
#include "wire/frame.h"

#include <stdint.h>
#include <uthash.h>

enum {
	/* A Query, Parse or batch up to this size is kept until it is judged. */
	SESSION_JUDGED_BYTES = 256 * 1024,
	/* Requests that may be outstanding before the client must wait. */
	SESSION_OUTSTANDING = 4096,
	SESSION_POOLS = 4, /* remembered by node, so that a query builds no key */
	/* A closed client may take so long to read its last message. */
	SESSION_CLOSING_MS = 5000,
};

#define SESSION_STATES(X)                                                      \
	X(SESSION_STARTUP, "startup") /* no StartupMessage yet */              \
	X(SESSION_SCRAM_FIRST, "scram_first") /* SASLInitialResponse is due */ \
	X(SESSION_SCRAM_FINAL, "scram_final") /* SASLResponse is due */        \
	X(SESSION_MD5, "md5") /* PasswordMessage is due */                     \
	X(SESSION_GREETING, "greeting") /* logged in, waits for a server's parameters */ \
	X(SESSION_IDLE, "idle") /* has no server */                            \
	X(SESSION_WAITING, "waiting") /* wants a server */                     \
	X(SESSION_SETTING_UP, "setting_up") /* has one, which gets its settings */ \
	X(SESSION_LINKED, "linked") /* has one */                              \
	X(SESSION_REPLICATION, "replication") /* has one of its own, for life */ \
	X(SESSION_CLOSING, "closing") /* its last message is on the way out */ \
	X(SESSION_CLOSED, "closed")

enum session_state {
#define X(name, word) name,
	SESSION_STATES(X)
#undef X
	SESSION_STATE_COUNT
};

struct session_login; /* login.c */
struct session_name; /* prepared.c */
struct touched; /* carried.c */
struct refusal; /* query.c */
struct replication; /* replication.c */

/* The sessions of one worker and what they share. */
struct sessions {
	struct conns *conns;
	const struct config *config;
	struct stats *stats; /* also the router's */
	struct credentials *users; /* held by the worker */
	struct verdicts *verdicts;
	struct statements statements;
	struct pools *pools;
	struct router *router;
	void *context; /* for the calls below */
	void (*on_cancel)(void *context, uint64_t key); /* for all workers */
	void (*on_database)(void *context, const char *database); /* is in use */
	void (*on_schema_change)(void *context, const char *database);
	void (*on_session_end)(void *context);
	struct session *all; /* DL list */
	struct session *by_key; /* uthash */
	struct cancel *cancels; /* DL list: on their way to servers */
	int count, active_count;
	uint64_t tick_us; /* when sessions_tick was last called */
	bool is_draining; /* no transaction may begin */
};

/* What a batch or a message needs, as far as it was looked at. */
struct need {
	bool is_harmless; /* all of it */
	int reason; /* why not */
	bool reads_sequence; /* of the session's own past */
};

struct session {
	struct conn conn; /* first: a conn of a client is a session */
	struct asker asker;
	struct sessions *sessions;
	struct session *prev, *next;
	UT_hash_handle hh; /* by key */
	uint64_t key; /* BackendKeyData */
	enum session_state state;

	/* from the StartupMessage */
	char *user, *database; /* owned */
	struct pool *pools[SESSION_POOLS]; /* found before; a pool lives as long as its worker */
	struct settings *startup_settings; /* held; what RESET goes back to */
	const struct credential *credential; /* of sessions->users; NULL: unknown user */
	struct session_login *login; /* owned; until logged in */
	struct replication *replication; /* owned; NULL: an ordinary session */

	/* prepared statements */
	struct session_name *names; /* uthash by name; owned */
	struct statement *unnamed; /* held */
	uint64_t unnamed_version; /* of what that is; see prepared.c */
	uint64_t unnamed_changes; /* the newest version ever */

	/* settings; see carried.h */
	struct settings *settings; /* held; as of the last answer to carried_ask */
	struct touched *touched; /* owned; by what ran since */
	struct touched *asked; /* owned; which the server was asked for */
	struct settings *asked_settings; /* being built of the answer */
	struct settings *to_restore; /* being built: reset to another value than that of start-up */
	uint64_t settings_digest; /* of them; carried_digest */
	uint64_t lookup_digest; /* of them; carried_lookup */
	uint64_t unknown_count; /* of digests of what nobody knows yet */
	bool is_serializable; /* by default: no replica will do */
	uint8_t own_due; /* enum own_purpose: the request of our own that is under way */
	bool own_failed;
	bool own_holds; /* the client waits for its answer */
	int set_up_tries;

	/* what binds it to its connection; see pins.h */
	enum pin_reason pin; /* the first of `pins` */
	unsigned pins; /* bits */
	unsigned pins_left; /* what there still is, by the server's answer */
	unsigned pins_since; /* pinned, perhaps anew, since it was asked */
	bool pins_changed; /* since it was asked */
	/* The server knows the client's prepared statements by the client's own names. */
	bool is_verbatim;
	bool needs_reset; /* the server must be reset when it is given back */

	bool is_one_too_many; /* max_clients is reached */
	bool refused_ssl, refused_gss; /* asked for, answered N */

	/* the traffic */
	struct known_query *bound; /* held; what the last Bind was of */
	bool bound_is_control; /* which is BEGIN, COMMIT, ... */
	struct refusal *refusal; /* owned; the answer to the message that waits */
	int readies_due; /* ReadyForQuery that the client waits for */
	int names_due; /* changes of statement names that the server did not confirm yet */
	size_t passing; /* bytes of a message under way that pass by count */
	bool passing_is_dropped;
	bool is_batch_open; /* messages were sent, their Sync was not */
	bool skips_to_sync; /* an error happened in the batch: the client's next Sync ends it */
	bool owes_sync; /* the client's batch is open, but ours was closed (Parse, Flush) */
	bool must_be_answered; /* the message that is being sent, before the next one */
	bool holds_for_answers; /* no message is looked at until all of them came */
	bool is_copying_in; /* the server wants CopyData */
	bool is_local; /* this batch is answered without a server */
	bool is_detached; /* this batch only prepares: it gets a Sync of ours at its Flush */
	bool wrote; /* something that may write was sent since the last commit */
	bool changed_schema; /* since then, too: others see it when the transaction ends */
	bool may_look_elsewhere; /* SET LOCAL may have been: until then, too */
	bool unsafe_encoding, strings_conform; /* as the server last told the client */
	bool is_routed; /* the message that waits */
	bool reads_sequence; /* and it does */
	bool is_cancelled; /* while SETTING_UP */
	enum route_target lacks; /* WAITING without a pool's queue: what is lacking */
	int linked_node; /* LINKED: where */
	uint64_t linked_us; /* and since when */

	struct freshness freshness;
	uint64_t arrived_us; /* the message that waits was first seen */
	uint64_t wait_us; /* how long the last one waited for a server */
	uint64_t deadline_us; /* of the state; 0: none */
	uint64_t opened_us;
	uint64_t idle_since_us; /* IDLE: the tick before it became so, which costs no clock */
};

/* --- for worker.c --- */
void sessions_init(struct sessions *all);
/* Takes over a client's non-blocking socket.  `is_one_too_many`: it may only
 * cancel, and is told so. */
void session_open(struct sessions *all, int fd, bool is_one_too_many);
void sessions_tick(struct sessions *all, uint64_t now_us);
/* The topology changed: who waits for a primary or a node looks again. */
void sessions_on_topology(struct sessions *all);
/* No new transaction; idle clients are told and closed. */
void sessions_drain(struct sessions *all);
/* Closes all at once. */
void sessions_close(struct sessions *all);
void sessions_finish(struct sessions *all);
/* Fills in clients_*, and of the clients the copy's client_limit: the longest connected. */
void sessions_report(struct sessions *all, struct stats_copy *copy);
/* A CancelRequest with this key came in, at whichever worker. */
void sessions_cancel(struct sessions *all, uint64_t key);

/* --- for the files of client/ --- */

/* What became of a message. */
enum take {
	TAKE_DONE, /* all of it that is here was used; the rest passes by count */
	TAKE_MORE, /* it must be complete first */
	TAKE_HOLD, /* it waits, unused: the session was held or changed its state */
};

/* A message at the start of what is here. */
struct incoming {
	struct frame f;
	struct span raw; /* header and body, as far as it is here */
	struct span ahead; /* raw and everything behind it */
	bool is_whole;
};

/* The one mutator. */
void session_set_state(struct session *s, enum session_state state);
const char *session_state_word(enum session_state state);

/* The one exit for a client's mistakes and for what cannot go on: FATAL, then
 * close.  Logged once. */
__attribute__((format(printf, 3, 4))) void session_fail(struct session *s, const char *sqlstate,
							 const char *format, ...);
/* The same with all fields. */
void session_fail_with(struct session *s, const struct error *e);
/* Just closes: the client is gone. */
void session_close(struct session *s);
/* The client said good-bye: closes when what it asked for has been sent. */
void session_end(struct session *s);
/* ERROR for the message under way; the session lives on. */
void session_complain(struct session *s, const struct error *e);
void session_send(struct session *s, struct span bytes);

static inline struct session *session_of(struct asker *a)
{
	return (struct session *)((char *)a - offsetof(struct session, asker));
}

static inline struct query_context session_query_context(const struct session *s)
{
	return (struct query_context){ span_of(s->database), s->strings_conform,
				       s->unsafe_encoding };
}

/* The pool of this node for the session's database and user. */
struct pool *session_pool(struct session *s, int node);

/* startup.c, login.c */
enum take startup_take(struct session *s, struct span bytes, size_t *used);
void login_start(struct session *s);
enum take login_take_scram_first(struct session *s, const struct incoming *m);
enum take login_take_scram_final(struct session *s, const struct incoming *m);
enum take login_take_md5(struct session *s, const struct incoming *m);
void login_ask_greeting(struct session *s);
void login_greet(struct session *s, struct server *server);
void session_login_destroy(struct session_login *login);

/* query.c */
enum take query_take_query(struct session *s, const struct incoming *m);
enum take query_take_batch(struct session *s, const struct incoming *m); /* P B D E C S H */
enum take query_take_function(struct session *s, const struct incoming *m);
enum take query_take_copy(struct session *s, const struct incoming *m); /* d c f */
enum take query_take_terminate(struct session *s, const struct incoming *m);
/* WAITING without a place in a queue: looks for a server again. */
void query_look_again(struct session *s);
/* WAITING: the message that waits is answered with this error. */
void query_refuse(struct session *s, const struct error *e);
void query_refusal_destroy(struct refusal *refusal);
/* The server is the session's now: a greeting, or the message that waits. */
void query_link(struct session *s);
/* SETTING_UP: the server has the session's settings. */
void query_on_set_up(struct session *s);
/* The client's cancel hit that: its message is answered 57014. */
void query_cancel_set_up(struct session *s);
void query_on_parameter(struct session *s, struct span name, struct span value);

/* answer.c */
extern const struct asker_ops session_asker_ops;
/* Gives the server back. */
void answer_release(struct session *s);
/* The same if nothing keeps it, when no answer is outstanding. */
void answer_settle(struct session *s);

/* cancel.c */
/* Sends a CancelRequest for what this server does now. */
void cancel_send(struct sessions *all, struct server *server);
/* The server is closed: no cancel may speak of it any more. */
void cancel_forget_server(struct sessions *all, struct server *server);
void cancels_tick(struct sessions *all, uint64_t now_us);
void cancels_close(struct sessions *all);

#endif
