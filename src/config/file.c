/*
 * Reads ini text through inih into the settings, and counts the lines, which
 * inih does not tell.  Opens no file.
 *
 * inih takes its lines from read_line(), and that is where it is kept from its
 * habits: it would cut a long line in two and take the rest for another line,
 * stop at a NUL, take an indented line for the end of the value above, and
 * ignore what stands behind a heading.  What is wrong there is a complaint, and
 * inih is given an empty line instead.
 *
 *     file text → next_line → read_line → inih → on_pair → settings
 *
 * A comment begins with ';' or '#' at the start of a line, or with ';' behind a
 * blank.  So "a;b" and "a #b" are values, and no value can contain " ;".
 */
#include "config/settings.h"

#include "base/ensure.h"
#include "config/errors.h"
#include "config/text.h"

#include <ini.h>

struct reader {
	struct settings *settings;
	const char *name; /* of the file, for messages */
	struct span rest; /* what was not read yet */
	int number; /* of the current line, from 1 */
	struct span line; /* what inih was not given of it yet, without its newline */
	bool newline_due;
	bool pair_due; /* the current line must be a key and a value */
	enum { BEFORE_SECTIONS, IN_SECTION, IN_UNKNOWN_SECTION } place;
	int first_set[OPTION_COUNT]; /* the line that set the option; 0: none */
};

static const char *make_origin(struct reader *r)
{
	size_t size = strlen(r->name) + sizeof(":-2147483648");
	char *origin = arena_get(r->settings->arena, size);

	snprintf(origin, size, "%s:%d", r->name, r->number);
	return origin;
}

static void complain(struct reader *r, const char *text)
{
	errors_add(r->settings->errors, make_origin(r), "%s", text);
}

static int on_pair(void *context, const char *section, const char *name, const char *value)
{
	struct reader *r = context;
	const char *origin = make_origin(r);
	enum option_index option;
	struct setting *setting;

	r->pair_due = false;
	option = settings_find_option(r->settings, origin, span_of(section), span_of(name));
	if (option == OPTION_COUNT)
		return 1;
	if (r->first_set[option] != 0) {
		errors_add(r->settings->errors, origin,
			   "%s.%s is set twice; the first time in line %d", section, name,
			   r->first_set[option]);
		return 1;
	}
	r->first_set[option] = r->number;
	setting = settings_put(r->settings, option, span_of(value), origin);
	if (setting != NULL)
		setting->from_file = true;
	return 1;
}

/* "[pool]", alone on its line but for a comment. */
static bool split_heading(struct span line, struct span *section)
{
	line = span_after(line, 1);
	if (!text_split(&line, ']', section))
		return false;
	line = text_trim(line);
	return line.size == 0 || line.data[0] == ';' || line.data[0] == '#';
}

/* The keys of an unknown section are passed over: one complaint is enough. */
static void check_heading(struct reader *r)
{
	struct span section;

	r->place = IN_UNKNOWN_SECTION;
	if (!split_heading(r->line, &section))
		complain(r, "a section must be written as [name]");
	else if (option_has_section(section))
		r->place = IN_SECTION;
	else
		settings_find_option(r->settings, make_origin(r), section, span_of(""));
}

/* What is wrong with a line as a whole, for a complaint; NULL: nothing. */
static const char *find_flaw(struct span line)
{
	if (line.size > TEXT_LIMIT_BYTES)
		return "the line is longer than 65536 bytes";
	if (memchr(line.data, '\0', line.size) != NULL)
		return "the line contains a NUL byte";
	return NULL;
}

/* Leaves in r->line what inih may see of it. */
static void check_line(struct reader *r)
{
	struct span line = text_trim(r->line);
	const char *flaw = line.size > 0 ? find_flaw(line) : NULL;

	r->line = line;
	if (flaw != NULL)
		complain(r, flaw);
	else if (line.size == 0 || line.data[0] == ';' || line.data[0] == '#')
		return;
	else if (line.data[0] == '[')
		check_heading(r);
	else if (r->place == BEFORE_SECTIONS)
		complain(r, "the line stands before any [section]");
	else
		r->pair_due = r->place == IN_SECTION;
	if (flaw != NULL || (line.data[0] != '[' && !r->pair_due))
		r->line = span_of("");
}

/* inih skips a line without '=' in silence: it is noticed when the next is asked for. */
static void check_pair_came(struct reader *r)
{
	if (r->pair_due)
		complain(r, "the line is neither a [section], a key = value nor a comment");
	r->pair_due = false;
}

static bool next_line(struct reader *r)
{
	check_pair_came(r);
	if (r->rest.size == 0)
		return false;
	text_split(&r->rest, '\n', &r->line);
	r->number++;
	check_line(r);
	r->newline_due = true;
	return true;
}

/* As fgets, for inih: at most `room` bytes with the NUL.  A line that does not
 * fit comes in several pieces, and only the last has a newline. */
static char *read_line(char *out, int room, void *context)
{
	struct reader *r = context;
	size_t size;

	ensure(room >= 2);
	if (r->line.size == 0 && !r->newline_due && !next_line(r))
		return NULL;
	size = r->line.size < (size_t)room - 1 ? r->line.size : (size_t)room - 1;
	memcpy(out, r->line.data, size);
	r->line = span_after(r->line, size);
	if (r->line.size == 0 && size < (size_t)room - 1) {
		out[size++] = '\n';
		r->newline_due = false;
	}
	out[size] = '\0';
	return out;
}

/*
 * Debian builds inih with lines of 200 bytes on the stack, and lets a program
 * choose otherwise by these variables.  They are set to the same constants each
 * time; nobody else in this process uses inih.
 */
static void lift_line_limit(void)
{
	ini_use_stack = false;
	ini_allow_realloc = true;
	ini_max_line = TEXT_LIMIT_BYTES + 3; /* "\r\n" and NUL */
}

void settings_read_file(struct settings *settings, const char *name, struct span text)
{
	struct reader r = { .settings = settings, .name = name, .rest = text };

	if (text.size > 0 && span_starts_with(text, "\xef\xbb\xbf")) /* written by Windows */
		r.rest = span_after(text, 3);
	r.line = span_of("");
	lift_line_limit();
	/* The number of a bad line was told by check_pair_came; -2 is no memory. */
	ensure(ini_parse_stream(read_line, &r, on_pair, &r) >= 0);
}
