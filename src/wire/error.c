/*
 * Errors on the wire (error.h).  Pure.
 */
#include "wire/error.h"

#include "wire/frame.h"
#include "wire/read.h"
#include "wire/write.h"

static void write_field(struct buf *b, char code, const char *text)
{
	if (!text)
		return;
	write_byte(b, (uint8_t)code);
	write_text(b, span_of(text));
}

void error_write(struct buf *b, const struct error *e)
{
	size_t begun = write_begin(b, SERVER_ERROR);

	write_field(b, 'S', e->severity);
	write_field(b, 'V', e->severity);
	write_field(b, 'C', e->sqlstate);
	write_field(b, 'M', e->message);
	write_field(b, 'D', e->detail);
	write_field(b, 'H', e->hint);
	write_byte(b, 0);
	write_end(b, begun);
}

static struct span *field_of(struct error_fields *fields, char code)
{
	switch (code) {
	case 'V': /* like 'S', but never translated */
		return &fields->severity;
	case 'C':
		return &fields->sqlstate;
	case 'M':
		return &fields->message;
	case 'D':
		return &fields->detail;
	case 'H':
		return &fields->hint;
	}
	return NULL;
}

void error_read(struct span body, struct error_fields *fields)
{
	struct reader r = reader_of(body);

	*fields = (struct error_fields){ 0 };
	for (;;) {
		char code = (char)read_byte(&r);
		struct span text;
		struct span *field;

		if (r.failed || code == '\0')
			return;
		text = read_text(&r);
		field = field_of(fields, code);
		if (r.failed)
			return;
		if (field && !field->data)
			*field = text;
	}
}

/* What `e` has for this field; NULL: nothing. */
static const char *own_field(const struct error *e, char code)
{
	switch (code) {
	case 'S':
	case 'V':
		return e->severity;
	case 'C':
		return e->sqlstate;
	case 'M':
		return e->message;
	}
	return NULL;
}

/* Those that are written behind the others, or are not true of what the client sent. */
static bool is_left_out(const struct error *e, char code)
{
	return code == 'P' || (code == 'D' && e->detail) || (code == 'H' && e->hint);
}

void error_rewrite(struct buf *b, struct span body, const struct error *e)
{
	size_t begun = write_begin(b, SERVER_ERROR);
	struct reader r = reader_of(body);

	for (;;) {
		char code = (char)read_byte(&r);
		struct span text = read_text(&r);
		const char *own = own_field(e, code);

		if (r.failed || code == '\0')
			break;
		if (is_left_out(e, code))
			continue;
		write_byte(b, (uint8_t)code);
		write_text(b, own ? span_of(own) : text);
	}
	write_field(b, 'D', e->detail);
	write_field(b, 'H', e->hint);
	write_byte(b, 0);
	write_end(b, begun);
}
