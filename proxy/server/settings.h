/*
 * A set of session settings: name → value, as a client gave them at start-up.
 * Immutable, reference counted with atomics (a server connection carries one
 * from worker to worker).  NULL is the empty set: what a fresh connection has.
 */
#ifndef PGWEIR_SERVER_SETTINGS_H
#define PGWEIR_SERVER_SETTINGS_H

#include "base/buf.h"
#include "base/span.h"

#include <stdbool.h>

enum { SETTINGS_MAX = 100, SETTINGS_MAX_BYTES = 16 * 1024 };

struct settings;

/* Building: a later value of a name replaces an earlier one (names are equal
 * regardless of ASCII case, as PostgreSQL's).  false: too many or too large. */
bool settings_add(struct settings **building, struct span name, struct span value);

/* The value of a name, until the set is dropped; NULL: it is not in the set. */
const char *settings_find(const struct settings *s, const char *name);

struct settings *settings_hold(struct settings *s);
void settings_drop(struct settings *s);
bool settings_equal(const struct settings *a, const struct settings *b);

/*
 * What takes a connection from one set to another: RESET ALL if it has any,
 * then set_config() of each, with the values as parameters and never as text.
 * Appends the messages and returns how many Parse-Bind-Execute groups they are;
 * a Sync is the last.
 */
int settings_write_change(struct buf *out, const struct settings *from, const struct settings *to);

#endif
