/*
 * Fuzzes wire/error.h: the fields of a server's error lie inside its body, each
 * ends with a NUL, and what is written again is read the same.
 *
 * Input: the body of an ErrorResponse.
 */
#include "exact.h"

#include "wire/error.h"
#include "wire/frame.h"

static void check_field(struct span field, char code, struct span body)
{
	if (!field.data)
		return;
	ensure(span_is_within(field, body) && field.data > body.data);
	ensure(field.data[-1] == code);
	ensure(span_is_within(span_make(field.data, field.size + 1), body));
	ensure(field.data[field.size] == '\0');
	ensure(!memchr(field.data, '\0', field.size));
}

/* A field is a C string, as check_field has shown. */
static void check_again(const struct error_fields *fields)
{
	const struct error e = { fields->severity.data, fields->sqlstate.data, fields->message.data,
				 fields->detail.data, fields->hint.data };
	struct error_fields again;
	struct frame f;
	struct buf b;

	buf_init(&b);
	error_write(&b, &e);
	ensure(frame_next(FRAME_FROM_SERVER, buf_waiting(&b), &f) == FRAME_WHOLE);
	error_read(f.body, &again);
	ensure(span_equal(again.severity, fields->severity));
	ensure(span_equal(again.sqlstate, fields->sqlstate));
	ensure(span_equal(again.message, fields->message));
	ensure(span_equal(again.detail, fields->detail));
	ensure(span_equal(again.hint, fields->hint));
	buf_finish(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = exact_copy(span_make(data, size));
	struct error_fields fields;

	error_read(body, &fields);
	check_field(fields.severity, 'V', body);
	check_field(fields.sqlstate, 'C', body);
	check_field(fields.message, 'M', body);
	check_field(fields.detail, 'D', body);
	check_field(fields.hint, 'H', body);
	check_again(&fields);
	exact_free(body);
	return 0;
}
