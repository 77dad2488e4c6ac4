/*
 * The configuration: ini text → an immutable struct, or all errors at once
 * with file and line.  Shared by all threads, reference counted with atomics.
 * Opens no file and reads no clock: text comes in, values go out.
 */
#ifndef PGWEIR_CONFIG_CONFIG_H
#define PGWEIR_CONFIG_CONFIG_H

#include "base/span.h"

#include <stdbool.h>
#include <stdio.h>

/* The words of each enumerated option, in the order of its values. */
#define PIN_POLICIES(X) X(PIN_POLICY_PIN, "pin") X(PIN_POLICY_ERROR, "error")
#define POOL_MODES(X) X(POOL_MODE_SESSION, "session") X(POOL_MODE_TRANSACTION, "transaction")
#define CONSISTENCIES(X)                                                       \
	X(CONSISTENCY_EVENTUAL, "eventual")                                    \
	X(CONSISTENCY_SESSION, "session")                                      \
	X(CONSISTENCY_GLOBAL, "global")
#define BALANCES(X)                                                            \
	X(BALANCE_LEAST_OUTSTANDING, "least_outstanding")                      \
	X(BALANCE_ROUND_ROBIN, "round_robin")                                  \
	X(BALANCE_RANDOM, "random")
#define PRIMARY_READS(X)                                                       \
	X(PRIMARY_READS_NEVER, "never")                                        \
	X(PRIMARY_READS_FALLBACK, "fallback")                                  \
	X(PRIMARY_READS_ALWAYS, "always")
#define TLS_MODES(X)                                                           \
	X(TLS_DISABLE, "disable")                                              \
	X(TLS_ALLOW, "allow")                                                  \
	X(TLS_PREFER, "prefer")                                                \
	X(TLS_REQUIRE, "require")                                              \
	X(TLS_VERIFY_CA, "verify-ca")                                          \
	X(TLS_VERIFY_FULL, "verify-full")
/* The values are those of enum log_level. */
#define LOG_WORDS(X)                                                           \
	X(LOG_WORD_DEBUG, "debug")                                             \
	X(LOG_WORD_INFO, "info")                                               \
	X(LOG_WORD_WARNING, "warning")                                         \
	X(LOG_WORD_ERROR, "error")

#define X(name, word) name,
enum pool_mode { POOL_MODES(X) };
enum pin_policy { PIN_POLICIES(X) };
enum consistency { CONSISTENCIES(X) };
enum balance { BALANCES(X) };
enum primary_reads { PRIMARY_READS(X) };
enum tls_mode { TLS_MODES(X) };
enum log_word { LOG_WORDS(X) };
#undef X

/* A place to listen at. */
struct config_address {
	const char *host; /* "127.0.0.1", "::1", "localhost", "*"; NULL: a Unix socket */
	const char *directory; /* of the Unix socket */
	int port;
};

struct config_node {
	const char *name; /* "host:port", as shown everywhere */
	const char *host; /* a name, an address, or a Unix socket directory ("/...") */
	int port;
	int weight; /* 1..100 */
};

/*
 * One field for each line of option.def, named section_key: config->pool_size,
 * config->route_balance, config->proxy_users_file.  Behind them what was
 * derived from them.  The config owns everything it points to.
 */
struct config {
#define OPTION_TYPE_TEXT const char *
#define OPTION_TYPE_NUMBER int
#define OPTION_TYPE_SWITCH bool
#define OPTION_TYPE_pool_mode enum pool_mode
#define OPTION_TYPE_pin_policy enum pin_policy
#define OPTION_TYPE_consistency enum consistency
#define OPTION_TYPE_balance enum balance
#define OPTION_TYPE_primary_reads enum primary_reads
#define OPTION_TYPE_tls_mode enum tls_mode
#define OPTION_TYPE_log_word enum log_word
#define OPTION(section, key, kind, text, lowest, highest, sentence)            \
	OPTION_TYPE_##kind section##_##key;
#include "config/option.def"
#undef OPTION

	int worker_count; /* proxy_workers; 0: auto */
	struct config_address *listen; /* proxy_listen */
	int listen_count;
	struct config_address stats; /* proxy_stats_listen; port 0: off */
	struct config_node *nodes; /* cluster_nodes */
	int node_count;
	const char **admin_users; /* proxy_admin_users */
	int admin_user_count;
	const char **harmless_functions; /* route_harmless_functions, lower case */
	int harmless_function_count;
	const char *url_user, *url_password; /* of the start URL; NULL without one */
};

/* Everything found wrong: "pgweir.ini:12: unknown key \"sise\" in section [pool]". */
struct config_errors {
	char **lines; /* owned; NULL-terminated */
	int count;
};

/* Where settings come from, weakest first: defaults, file, URL, --set. */
struct config_source {
	const char *file_name; /* for messages and for relative paths; NULL: no file */
	struct span file_text;
	const char *url; /* postgres://user:password@h1:p1,h2/db; NULL: none */
	const char *const *sets; /* "section.key=value" */
	int set_count;
};

/* NULL after errors, which config_errors_finish frees in either case.  The
 * caller holds the result.  A relative users_file is taken from the directory
 * of the file that names it. */
struct config *config_load(const struct config_source *source, struct config_errors *errors);
void config_errors_finish(struct config_errors *errors);
struct config *config_hold(struct config *config);
void config_drop(struct config *config);

/* As an ini file that loads to the same configuration; passwords are never in
 * it (the start URL's is shown as a comment without the password). */
void config_print(const struct config *config, FILE *out);

#endif
