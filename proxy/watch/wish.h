/*
 * What a request asks for: its path and parameters as a report_wish.
 */
#ifndef PGWEIR_WATCH_WISH_H
#define PGWEIR_WATCH_WISH_H

#include "base/span.h"
#include "watch/report.h"

#include <stdbool.h>

/* The report of this path, as it is without parameters; false: there is none. */
bool wish_read_path(struct report_wish *wish, const char *path);
/* One parameter.  Returns NULL, or what is wrong with it: a static sentence. */
const char *wish_read_parameter(struct report_wish *wish, struct span name, struct span value);

#endif
