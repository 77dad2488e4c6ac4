/*
 * Our numbers, times and texts as JSON values.  The caller owns what it gets;
 * NULL: no memory.  With report.c the only file with jansson, which only ever
 * writes here.
 */
#ifndef PGWEIR_WATCH_VALUE_H
#define PGWEIR_WATCH_VALUE_H

#include "base/hist.h"

#include <jansson.h>
#include <stdint.h>

/* At most INT64_MAX. */
json_t *value_number(uint64_t number);
/* -1 is unknown: null. */
json_t *value_known(int64_t number);
/* Milliseconds with three decimals. */
json_t *value_ms(double us);
/* The same, and whole seconds; -1 is unknown: null. */
json_t *value_known_ms(int64_t us);
json_t *value_known_s(int64_t us);
/* NULL is null.  Texts come from clients: what is not UTF-8 becomes U+FFFD. */
json_t *value_text(const char *text);
/* The same for a name that is empty when it is not known. */
json_t *value_name(const char *text);
/* {"avg", "p50", "p90", "p95", "p99", "max"} in milliseconds. */
json_t *value_latency(const struct hist *h);

#endif
