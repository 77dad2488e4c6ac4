/*
 * A set of session settings: name → value, as a client gave them at start-up or
 * set them since.  Immutable, reference counted with atomics (a server connection
 * carries one from worker to worker).  NULL is the empty set: what a fresh
 * connection has.
 */
#ifndef PGWEIR_SERVER_SETTINGS_H
#define PGWEIR_SERVER_SETTINGS_H

#include "base/buf.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_MAX = 100, SETTINGS_MAX_BYTES = 16 * 1024 };

struct settings;

/* Building, before anybody else has it: a later value of a name replaces an
 * earlier one (names are equal regardless of ASCII case, as PostgreSQL's).
 * false: too many or too large. */
bool settings_add(struct settings **building, struct span name, struct span value);
/* Building: the name is not in it any more; NULL when that was the last. */
void settings_remove(struct settings **building, const char *name);
/* The beginning of a set that differs from another. */
struct settings *settings_copy(const struct settings *s);

/* The value of a name, until the set is dropped; NULL: it is not in the set. */
const char *settings_find(const struct settings *s, const char *name);

struct settings *settings_hold(struct settings *s);
void settings_drop(struct settings *s);
bool settings_equal(const struct settings *a, const struct settings *b);
/* One by one, in a fixed order: at 0, 1, …; false behind the last. */
bool settings_at(const struct settings *s, int i, const char **name, const char **value);

/* Of those that decide what a text means when it is parsed: a literal of a date is
 * read by DateStyle then, a name is looked up by search_path.  0: there are none. */
uint64_t settings_digest(const struct settings *s);

/*
 * What takes a connection from one set to another: set_config() of each that
 * differs, NULL for one that goes back to its default, with names and values as
 * parameters and never as text.  Appends the messages, a Sync last, and returns how many
 * Parse-Bind-Execute groups they are; 0: the sets are equal, and nothing is written.
 */
int settings_write_change(struct buf *out, const struct settings *from, const struct settings *to);

#endif
