/*
 * Collects the errors of a load, so that one run tells them all.  Does not
 * print them.
 */
#include "config/errors.h"

#include "base/ensure.h"

#include <stdarg.h>
#include <stdlib.h>

static void append(struct config_errors *errors, char *line)
{
	/* One more for the NULL at the end. */
	errors->lines = memory_resize(errors->lines,
				      ((size_t)errors->count + 2) * sizeof(*errors->lines));
	errors->lines[errors->count++] = line;
	errors->lines[errors->count] = NULL;
}

void errors_add(struct config_errors *errors, const char *origin, const char *format, ...)
{
	char text[1024];
	char *line;
	va_list args;
	size_t size;

	if (errors->count > ERROR_LIMIT)
		return;
	if (errors->count == ERROR_LIMIT) {
		append(errors, memory_copy_text("there are more errors, which are not shown"));
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	size = (origin != NULL ? strlen(origin) + 2 : 0) + strlen(text) + 1;
	line = memory_get(size);
	snprintf(line, size, "%s%s%s", origin != NULL ? origin : "", origin != NULL ? ": " : "",
		 text);
	append(errors, line);
}

void config_errors_finish(struct config_errors *errors)
{
	for (int i = 0; i < errors->count; i++)
		free(errors->lines[i]);
	free(errors->lines);
	*errors = (struct config_errors){ 0 };
}
