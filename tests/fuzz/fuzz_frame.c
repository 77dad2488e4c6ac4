/*
 * Fuzzes wire/frame.h: a stream of either side, read whole, byte by byte and in
 * pieces that the input chooses, must give the same messages and the same end.
 *
 * Input: one byte (its lowest bit: which side; the rest: how pieces grow), the stream.
 */
#include "exact.h"

#include "base/buf.h"
#include "wire/frame.h"

/* Reads as the relay does: whole headers wait, bodies pass by count. */
struct stream_reader {
	enum frame_side side;
	struct buf held; /* the start of a header */
	size_t body_left; /* of the message that is passing */
	bool is_broken; /* nothing behind a bad header means anything */
	uint64_t digest; /* of all types, sizes and bodies so far */
};

static void digest_bytes(struct stream_reader *r, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		r->digest = (r->digest ^ bytes[i]) * 0x100000001b3;
}

static size_t pass_body(struct stream_reader *r, struct span bytes)
{
	size_t size = bytes.size < r->body_left ? bytes.size : r->body_left;

	digest_bytes(r, bytes.data, size);
	r->body_left -= size;
	return size;
}

/* One step; the bytes taken, 0 when more are needed. */
static size_t take_header(struct stream_reader *r, struct span bytes)
{
	struct frame f = { 0 };
	enum frame_result result = frame_next(r->side, bytes, &f);

	switch (result) {
	case FRAME_MORE:
		ensure(bytes.size < FRAME_HEADER_BYTES);
		return 0;
	case FRAME_BAD_TYPE:
	case FRAME_BAD_LENGTH:
		ensure(result == FRAME_BAD_TYPE || bytes.size >= FRAME_HEADER_BYTES);
		r->is_broken = true;
		digest_bytes(r, &result, sizeof result);
		digest_bytes(r, &f.type, 1);
		return bytes.size;
	case FRAME_PARTIAL:
	case FRAME_WHOLE:
		break;
	}
	ensure((result == FRAME_WHOLE) == (f.size <= bytes.size));
	ensure(f.size >= FRAME_HEADER_BYTES && span_is_within(f.body, bytes));
	ensure(result == FRAME_PARTIAL || f.body.size == f.size - FRAME_HEADER_BYTES);
	ensure(frame_name(r->side, f.type)[0] != '?');
	digest_bytes(r, &f.type, 1);
	digest_bytes(r, &f.size, sizeof f.size);
	r->body_left = f.size - FRAME_HEADER_BYTES;
	return FRAME_HEADER_BYTES;
}

static void reader_feed(struct stream_reader *r, struct span piece)
{
	buf_append(&r->held, piece.data, piece.size);
	while (!buf_is_empty(&r->held) && !r->is_broken) {
		struct span exact = exact_copy(buf_waiting(&r->held));
		size_t taken = r->body_left ? pass_body(r, exact) : take_header(r, exact);

		ensure(taken <= exact.size);
		exact_free(exact);
		if (taken == 0)
			break;
		buf_send(&r->held, taken);
	}
	ensure(r->is_broken || buf_waiting(&r->held).size < FRAME_HEADER_BYTES);
}

/* The digest of the stream when piece n has first + n * growth bytes. */
static uint64_t read_in_pieces(enum frame_side side, struct span stream, size_t first,
			       size_t growth)
{
	struct stream_reader r = { .side = side, .digest = 0xcbf29ce484222325 };
	size_t size = first;

	for (size_t at = 0; at < stream.size && !r.is_broken; size += growth) {
		size_t left = stream.size - at;
		size_t piece = size < left ? size : left;

		reader_feed(&r, span_make(stream.data + at, piece));
		at += piece;
	}
	digest_bytes(&r, &r.body_left, sizeof r.body_left);
	buf_finish(&r.held);
	return r.digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum frame_side side;
	struct span stream;
	uint64_t whole;

	if (size < 2 || size > 4096)
		return 0;
	side = data[0] & 1 ? FRAME_FROM_SERVER : FRAME_FROM_CLIENT;
	stream = span_make(data + 1, size - 1);
	whole = read_in_pieces(side, stream, stream.size, 0);
	ensure(read_in_pieces(side, stream, 1, 0) == whole);
	ensure(read_in_pieces(side, stream, 1 + (data[0] >> 1 & 7), data[0] >> 4) == whole);
	return 0;
}
