/*
 * Formats a log line and writes it to standard error.  The level is the one
 * piece of process-wide mutable state in src/, an atomic set at start and at
 * reload.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static const char *const level_names[] = { "debug", "info", "warning", "error" };

static atomic_int lowest_level = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&lowest_level, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

bool log_level_from_name(const char *name, enum log_level *level)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

static size_t write_stamp(char *line, enum log_level level)
{
	struct timespec now;
	struct tm utc;
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, LINE_BYTES, "%Y-%m-%d %H:%M:%S", &utc);
	return used + (size_t)snprintf(line + used, LINE_BYTES - used, ".%03ld UTC [%s] ",
				       now.tv_nsec / 1000000, level_names[level]);
}

/* A line feed in a peer's text must not start a log line of its own. */
static void escape_controls(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	}
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	size_t used, room;
	va_list args;
	int wanted;

	if (!log_is_on(level))
		return;
	used = write_stamp(line, level);
	room = sizeof line - used - 1;
	va_start(args, format);
	wanted = vsnprintf(line + used, room, format, args);
	va_end(args);
	if (wanted < 0)
		return;
	size_t text = (size_t)wanted < room ? (size_t)wanted : room - 1;
	escape_controls(line + used, text);
	line[used + text] = '\n';
	if (write(STDERR_FILENO, line, used + text + 1) < 0)
		return; /* the log is full or gone: the proxy goes on without it */
}
