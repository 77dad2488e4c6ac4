/*
 * Addresses as people write them: where to listen, where the servers are.
 */
#ifndef PGWEIR_CONFIG_ADDRESS_H
#define PGWEIR_CONFIG_ADDRESS_H

#include "base/arena.h"
#include "config/config.h"

enum { NODE_LIMIT = 64, LISTEN_LIMIT = 64 };
/* Where none is written. */
enum { NODE_PORT = 5432, LISTEN_PORT = 6432, STATS_PORT = 9432 };

/*
 * Each fills its result, with texts in the arena, and returns NULL; or returns
 * what is wrong, fit for the end of a sentence.
 *
 *   listen  name, 127.0.0.1, [::1] or *, each with an optional :port;
 *           unix:/directory with an optional :port, which names the socket
 *   stats   the same without unix:
 *   node    the same without * and unix:; or /directory with an optional
 *           :port; behind a blank an optional weight=N
 */
const char *address_read_listen(struct span text, struct arena *arena,
				struct config_address *address);
const char *address_read_stats(struct span text, struct arena *arena,
			       struct config_address *address);
const char *address_read_node(struct span text, struct arena *arena, struct config_node *node);

/* The same place? */
bool address_equal(const struct config_address *a, const struct config_address *b);

#endif
