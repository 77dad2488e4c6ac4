/*
 * Fuzzes config_load: what loads is printed, and what is printed loads again to
 * a configuration that prints the same.  The input is a URL in its first line
 * (empty: none), a --set in the second (empty: none), and a file.
 */
#include "config/config.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct config *config)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

/* Takes a line as a string of its own; the caller frees it. */
static char *take_line(struct span *text)
{
	const char *end = text->size > 0 ? memchr(text->data, '\n', text->size) : NULL;
	size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
	char *line = strndup(text->size > 0 ? text->data : "", size);

	*text = span_after(*text, end != NULL ? size + 1 : size);
	return line;
}

static struct config *load(const struct config_source *source)
{
	struct config_errors errors;
	struct config *config = config_load(source, &errors);

	if ((config == NULL) != (errors.count > 0))
		abort();
	config_errors_finish(&errors);
	return config;
}

static void check_round_trip(const struct config *config, const char *url)
{
	char *printed = print(config), *again;
	struct config *copy = load(&(struct config_source){
		.file_name = "printed.ini", .file_text = span_of(printed), .url = url });

	if (copy == NULL)
		abort();
	again = print(copy);
	if (strcmp(printed, again) != 0 || copy->node_count != config->node_count ||
	    copy->listen_count != config->listen_count)
		abort();
	config_drop(copy);
	free(printed);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(size > 0 ? (const void *)data : "", size);
	char *url = take_line(&text), *set = take_line(&text);
	const char *sets[] = { set };
	struct config_source source = { .file_name = "pgweir.ini",
					.url = url[0] != '\0' ? url : NULL,
					.sets = sets,
					.set_count = set[0] != '\0' };
	struct config *config;

	source.file_text = text;
	config = load(&source);
	if (config != NULL)
		check_round_trip(config, source.url);
	config_drop(config);
	free(url);
	free(set);
	return 0;
}
