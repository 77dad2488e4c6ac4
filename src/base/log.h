/*
 * Log lines on standard error: one line, one write, control characters
 * escaped, no secret ever.  Any thread may log.
 */
#ifndef PGWEIR_BASE_LOG_H
#define PGWEIR_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

/* Lines below this level are dropped.  Atomic; LOG_INFO until it is called. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);
/* "debug", "info", "warning", "error" → level; false when it is none of them. */
bool log_level_from_name(const char *name, enum log_level *level);

/* "2026-11-24 13:20:01.123 UTC [info] text", cut at 2 KiB. */
__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_debug(...) (log_is_on(LOG_DEBUG) ? log_write(LOG_DEBUG, __VA_ARGS__) : (void)0)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
