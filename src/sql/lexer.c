/*
 * The lexer of lexer.h.  Does not know what a keyword is, folds nothing and
 * copies nothing.  Any thread.  Each byte is looked at a bounded number of
 * times: whatever has no end consumes the text.
 */
#include "sql/lexer.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	SPACE = 1,
	LETTER = 2, /* may begin a word */
	DIGIT = 4,
	OPERATOR = 8,
	MARK = 16,
	DOLLAR = 32,
	/* An operator, too: lets one end in a sign, for standard SQL has none with it. */
	SIGN_BEARER = 64,
	IN_WORD = LETTER | DIGIT | DOLLAR,
};

static const unsigned char classes[256] = {
	['\t' ... '\r'] = SPACE,
	[' '] = SPACE,
	['a' ... 'z'] = LETTER,
	['A' ... 'Z'] = LETTER,
	['_'] = LETTER,
	[0x80 ... 0xff] = LETTER,
	['0' ... '9'] = DIGIT,
	['~'] = OPERATOR | SIGN_BEARER,
	['!'] = OPERATOR | SIGN_BEARER,
	['@'] = OPERATOR | SIGN_BEARER,
	['#'] = OPERATOR | SIGN_BEARER,
	['^'] = OPERATOR | SIGN_BEARER,
	['&'] = OPERATOR | SIGN_BEARER,
	['|'] = OPERATOR | SIGN_BEARER,
	['`'] = OPERATOR | SIGN_BEARER,
	['?'] = OPERATOR | SIGN_BEARER,
	['+'] = OPERATOR,
	['-'] = OPERATOR,
	['*'] = OPERATOR,
	['/'] = OPERATOR,
	['%'] = OPERATOR | SIGN_BEARER,
	['<'] = OPERATOR,
	['>'] = OPERATOR,
	['='] = OPERATOR,
	[','] = MARK,
	['('] = MARK,
	[')'] = MARK,
	['['] = MARK,
	[']'] = MARK,
	['.'] = MARK,
	[';'] = MARK,
	[':'] = MARK,
	['$'] = DOLLAR,
};

#define SAME4(c) [c] = (char)(c), [(c) + 1] = (char)((c) + 1), \
		 [(c) + 2] = (char)((c) + 2), [(c) + 3] = (char)((c) + 3)
#define SAME16(c) SAME4(c), SAME4((c) + 4), SAME4((c) + 8), SAME4((c) + 12)
#define LOWER(c) [c] = (char)((c) + 32)

const char folded_letters[256] = {
	SAME16(0x00), SAME16(0x10), SAME16(0x20), SAME16(0x30), [0x40] = 0x40,
	LOWER('A'), LOWER('B'), LOWER('C'), LOWER('D'), LOWER('E'), LOWER('F'), LOWER('G'),
	LOWER('H'), LOWER('I'), LOWER('J'), LOWER('K'), LOWER('L'), LOWER('M'), LOWER('N'),
	LOWER('O'), LOWER('P'), LOWER('Q'), LOWER('R'), LOWER('S'), LOWER('T'), LOWER('U'),
	LOWER('V'), LOWER('W'), LOWER('X'), LOWER('Y'), LOWER('Z'),
	[0x5b] = 0x5b, SAME4(0x5c), SAME16(0x60), SAME16(0x70), SAME16(0x80), SAME16(0x90),
	SAME16(0xa0), SAME16(0xb0), SAME16(0xc0), SAME16(0xd0), SAME16(0xe0), SAME16(0xf0),
};

static bool is(char c, int class)
{
	return classes[(unsigned char)c] & class;
}

/* The byte at p, or NUL behind the end; NUL itself is never in the text. */
static char peek(const struct lexer *l, const char *p)
{
	return p < l->end ? *p : '\0';
}

static const char *skip_class(const struct lexer *l, const char *p, int class)
{
	while (p < l->end && is(*p, class))
		p++;
	return p;
}

static const char *skip_line(const struct lexer *l, const char *p)
{
	while (p < l->end && *p != '\n' && *p != '\r')
		p++;
	return p;
}

/* Does the text at p begin with this? */
static bool follows(const struct lexer *l, const char *p, const char *prefix)
{
	return span_starts_with(span_make(p, (size_t)(l->end - p)), prefix);
}

/* The comment's text, without its delimiters, is "pgweir: primary" or so. */
static void read_hint(struct lexer *l, const char *p, const char *end)
{
	struct lexer inside = { .at = p, .end = end };

	p = skip_class(&inside, p, SPACE);
	if (!follows(&inside, p, "pgweir:"))
		return;
	p = skip_class(&inside, p + strlen("pgweir:"), SPACE);
	while (end > p && is(end[-1], SPACE))
		end--;
	if (span_is(span_make(p, (size_t)(end - p)), "primary"))
		l->hint = HINT_PRIMARY;
	else if (span_is(span_make(p, (size_t)(end - p)), "replica") && l->hint == HINT_NONE)
		l->hint = HINT_REPLICA;
}

/* At the slash and star of a comment; comments nest. */
static void skip_comment(struct lexer *l)
{
	const char *start = l->at + 2, *p = start, *star;
	size_t depth = 1;

	/* From star to star: both delimiters have one. */
	while (depth > 0 && (star = memchr(p, '*', (size_t)(l->end - p)))) {
		if (star > p && star[-1] == '/')
			depth++, p = star + 1;
		else if (peek(l, star + 1) == '/')
			depth--, p = star + 2;
		else
			p = star + 1;
	}
	l->at = depth > 0 ? l->end : p;
	if (depth > 0)
		l->is_broken = true;
	else
		read_hint(l, start, p - 2);
}

static void skip_space(struct lexer *l)
{
	while (l->at < l->end) {
		if (is(*l->at, SPACE))
			l->at++;
		else if (*l->at == '-' && peek(l, l->at + 1) == '-')
			l->at = skip_line(l, l->at);
		else if (*l->at == '/' && peek(l, l->at + 1) == '*')
			skip_comment(l);
		else
			return;
	}
}

/* A string goes on behind white space that holds a newline, and "--" comments;
 * a comment with a star ends it.  Returns the place behind the new quote. */
static const char *find_continuation(const struct lexer *l, const char *p)
{
	bool has_newline = false;

	while (p < l->end) {
		if (*p == '\'')
			return has_newline ? p + 1 : NULL;
		if (*p == '-' && peek(l, p + 1) == '-') {
			p = skip_line(l, p);
			continue;
		}
		if (!is(*p, SPACE))
			return NULL;
		has_newline |= *p == '\n' || *p == '\r';
		p++;
	}
	return NULL;
}

static const char *never_ends(struct lexer *l)
{
	l->is_broken = true;
	return l->end;
}

/* From behind an opening quote to behind the quote that closes for good. */
static const char *skip_quoted(struct lexer *l, const char *p, char quote, bool escapes)
{
	while (p < l->end) {
		if (!escapes && !(p = memchr(p, quote, (size_t)(l->end - p))))
			break;
		if (escapes && *p == '\\')
			p += p + 1 < l->end ? 2 : 1;
		else if (*p != quote)
			p++;
		else if (peek(l, p + 1) == quote)
			p += 2;
		else
			return p + 1;
	}
	return never_ends(l);
}

static const char *skip_string(struct lexer *l, const char *p, bool escapes)
{
	const char *more = p;

	while (more) {
		p = skip_quoted(l, more, '\'', escapes);
		more = find_continuation(l, p);
	}
	return p;
}

/* In B'' and X'' two quotes in a row are an end and a beginning. */
static const char *skip_bits(struct lexer *l, const char *p)
{
	const char *more = p;

	while (more) {
		p = memchr(more, '\'', (size_t)(l->end - more));
		if (!p)
			return never_ends(l);
		p++;
		more = find_continuation(l, p);
	}
	return p;
}

/* What a letter with a quote behind it announces. */
static const char *skip_prefixed(struct lexer *l, const char *p, enum token_kind *kind)
{
	switch (fold_letter(*p)) {
	case 'b':
	case 'x':
		*kind = TOKEN_BITS;
		return skip_bits(l, p + 2);
	case 'e':
		*kind = TOKEN_STRING;
		return skip_string(l, p + 2, true);
	case 'n':
		*kind = TOKEN_NATIONAL;
		return skip_string(l, p + 2, !l->standard_conforming_strings);
	}
	return p + 1;
}

/* U&"…" and U&'…'; without the quote it is the word u. */
static const char *skip_unicode(struct lexer *l, const char *p, enum token_kind *kind)
{
	char quote = peek(l, p + 2);

	if (fold_letter(*p) != 'u' || (quote != '"' && quote != '\''))
		return p + 1;
	if (quote == '"') {
		*kind = TOKEN_NAME;
		return skip_quoted(l, p + 3, '"', false);
	}
	*kind = TOKEN_STRING;
	/* The server refuses it then: it would be unsafe. */
	l->is_broken |= !l->standard_conforming_strings;
	return skip_string(l, p + 3, false);
}

/* To the end of a word, sixteen bytes at a time: a loop over bytes is mispredicted
 * once for each word, which costs more than all the rest of it. */
static const char *skip_word_bytes(const struct lexer *l, const char *p)
{
#ifdef __SSE2__
	while (l->end - p >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
		/* Unsigned "at most n" is "minus n, saturated, is 0". */
		__m128i letters = _mm_subs_epu8(_mm_sub_epi8(lower, _mm_set1_epi8('a')),
						_mm_set1_epi8('z' - 'a'));
		__m128i digits = _mm_subs_epu8(_mm_sub_epi8(bytes, _mm_set1_epi8('0')),
					       _mm_set1_epi8(9));
		__m128i is_either = _mm_cmpeq_epi8(_mm_min_epu8(letters, digits),
						   _mm_setzero_si128());
		__m128i is_sign = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')),
					       _mm_cmpeq_epi8(bytes, _mm_set1_epi8('$')));
		/* The highest bit tells: of a comparison, or of a byte that is not ASCII. */
		__m128i all = _mm_or_si128(_mm_or_si128(is_either, is_sign), bytes);
		unsigned others = ~(unsigned)_mm_movemask_epi8(all) & 0xffff;

		if (others)
			return p + __builtin_ctz(others);
		p += 16;
	}
#endif
	return skip_class(l, p, IN_WORD);
}

static const char *skip_word(struct lexer *l, const char *p, enum token_kind *kind)
{
	const char *end = skip_word_bytes(l, p + 1);

	*kind = TOKEN_WORD;
	if (end - p > 1 || end == l->end)
		return end;
	if (*end == '\'')
		return skip_prefixed(l, p, kind);
	return *end == '&' ? skip_unicode(l, p, kind) : end;
}

static bool is_digit_of(char c, int base)
{
	if (base == 16)
		return is(c, DIGIT) || (fold_letter(c) >= 'a' && fold_letter(c) <= 'f');
	return c >= '0' && c < '0' + base;
}

/* Digits with single underscores between them (since PostgreSQL 16). */
static const char *skip_digits(const struct lexer *l, const char *p, int base)
{
	while (is_digit_of(peek(l, p), base) ||
	       (peek(l, p) == '_' && is_digit_of(p[-1], base) &&
		is_digit_of(peek(l, p + 1), base)))
		p++;
	return p;
}

static const char *skip_radix(const struct lexer *l, const char *p)
{
	char letter = fold_letter(peek(l, p + 1));
	int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
	const char *digits = p + 2;

	if (*p != '0' || base == 0)
		return p;
	if (peek(l, digits) == '_')
		digits++;
	return is_digit_of(peek(l, digits), base) ? skip_digits(l, digits, base) : p;
}

static const char *skip_decimal(const struct lexer *l, const char *p)
{
	const char *exponent;

	if (*p != '.')
		p = skip_digits(l, p, 10);
	if (peek(l, p) == '.' && peek(l, p + 1) != '.') {
		p++;
		if (is(peek(l, p), DIGIT))
			p = skip_digits(l, p, 10);
	}
	if (fold_letter(peek(l, p)) != 'e')
		return p;
	exponent = p + 1;
	if (peek(l, exponent) == '+' || peek(l, exponent) == '-')
		exponent++;
	return is(peek(l, exponent), DIGIT) ? skip_digits(l, exponent, 10) : p;
}

/* A letter directly behind a number or a parameter: an error since 15, an
 * alias before.  Who still sends that goes without our help. */
static const char *check_tail(struct lexer *l, const char *p, enum token_kind *kind)
{
	if (!is(peek(l, p), LETTER))
		return p;
	*kind = TOKEN_JUNK;
	l->is_broken = true;
	return skip_class(l, p, IN_WORD);
}

static const char *skip_number(struct lexer *l, const char *p, enum token_kind *kind)
{
	const char *end = skip_radix(l, p);

	*kind = TOKEN_NUMBER;
	return check_tail(l, end > p ? end : skip_decimal(l, p), kind);
}

static const char *skip_junk(struct lexer *l, const char *p, enum token_kind *kind)
{
	*kind = TOKEN_JUNK;
	l->is_broken = true;
	return p + 1;
}

static const char *skip_dollar(struct lexer *l, const char *p, enum token_kind *kind)
{
	const char *tag_end = p + 1, *end;
	size_t size;

	if (is(peek(l, tag_end), DIGIT)) {
		*kind = TOKEN_PARAMETER;
		return check_tail(l, skip_class(l, tag_end, DIGIT), kind);
	}
	tag_end = skip_class(l, tag_end, LETTER | DIGIT);
	if (peek(l, tag_end) != '$')
		return skip_junk(l, p, kind);
	*kind = TOKEN_STRING;
	size = (size_t)(tag_end + 1 - p);
	end = memmem(p + size, (size_t)(l->end - p) - size, p, size);
	return end ? end + size : never_ends(l);
}

/* An operator ends before a comment, and does not end in + or - unless it holds
 * a character that no operator of standard SQL has: "a=-1" is a = (-1). */
static const char *skip_operator(const struct lexer *l, const char *p)
{
	const char *end = p + 1;
	int seen = classes[(unsigned char)*p];

	while (end < l->end && is(*end, OPERATOR)) {
		char next = peek(l, end + 1);

		if ((*end == '-' && next == '-') || (*end == '/' && next == '*'))
			break;
		seen |= classes[(unsigned char)*end];
		end++;
	}
	if (!(seen & SIGN_BEARER))
		while (end - p > 1 && (end[-1] == '+' || end[-1] == '-'))
			end--;
	return end;
}

static const char *skip_mark(struct lexer *l, const char *p, enum token_kind *kind)
{
	char next = peek(l, p + 1);

	if (*p == '.' && is(next, DIGIT))
		return skip_number(l, p, kind);
	if ((*p == ':' && (next == ':' || next == '=')) || (*p == '.' && next == '.')) {
		*kind = TOKEN_OPERATOR;
		return p + 2;
	}
	*kind = TOKEN_MARK;
	return p + 1;
}

static const char *skip_token(struct lexer *l, const char *p, enum token_kind *kind)
{
	switch (classes[(unsigned char)*p]) {
	case LETTER:
		return skip_word(l, p, kind);
	case MARK:
		return skip_mark(l, p, kind);
	case OPERATOR:
	case OPERATOR | SIGN_BEARER:
		*kind = TOKEN_OPERATOR;
		return skip_operator(l, p);
	case DIGIT:
		return skip_number(l, p, kind);
	case DOLLAR:
		return skip_dollar(l, p, kind);
	}
	if (*p == '\'') {
		*kind = TOKEN_STRING;
		return skip_string(l, p + 1, !l->standard_conforming_strings);
	}
	if (*p == '"') {
		*kind = TOKEN_NAME;
		return skip_quoted(l, p + 1, '"', false);
	}
	return skip_junk(l, p, kind);
}

/* Of the loop over a list: a call for each of thousands costs a third more. */
#define INLINED inline __attribute__((always_inline))

/* A literal that needs no rules: -12.5 or 'abc', and then a comma, a bracket or,
 * for a number, space. */
static INLINED const char *skip_plain_number(const struct lexer *l, const char *p)
{
	const char *digits = p;

	p = skip_class(l, p, DIGIT);
	if (p == digits)
		return NULL;
	if (peek(l, p) == '.' && is(peek(l, p + 1), DIGIT))
		p = skip_class(l, p + 1, DIGIT);
	p = skip_class(l, p, SPACE);
	return peek(l, p) == ',' || peek(l, p) == ')' ? p : NULL;
}

static const char *skip_plain_string(const struct lexer *l, const char *p)
{
	const char *end = memchr(p + 1, '\'', (size_t)(l->end - p - 1));

	if (!end || (peek(l, end + 1) != ',' && peek(l, end + 1) != ')'))
		return NULL;
	if (!l->standard_conforming_strings && memchr(p, '\\', (size_t)(end - p)))
		return NULL;
	return end + 1;
}

static INLINED const char *skip_plain(const struct lexer *l, const char *p, enum token_kind *kind)
{
	p = skip_class(l, p, SPACE);
	*kind = peek(l, p) == '\'' ? TOKEN_STRING : TOKEN_NUMBER;
	if (*kind == TOKEN_STRING)
		return skip_plain_string(l, p);
	return skip_plain_number(l, peek(l, p) == '-' ? p + 1 : p);
}

bool lexer_skip_literal(struct lexer *l, enum token_kind *kind)
{
	const char *end = skip_plain(l, l->at, kind);

	if (end)
		l->at = end;
	return end;
}

bool lexer_skip_list(struct lexer *l, enum token_kind *first)
{
	const char *p = l->at;
	enum token_kind kind;

	*first = TOKEN_END;
	do {
		p = skip_plain(l, p, &kind);
		if (!p)
			return false;
		if (*first == TOKEN_END)
			*first = kind;
	} while (*p++ == ',');
	l->at = p - 1;
	return true;
}

void lexer_start(struct lexer *l, struct span text, bool standard_conforming_strings)
{
	text = text_before_nul(text);
	*l = (struct lexer){
		.at = text.data,
		.end = text.data + text.size,
		.standard_conforming_strings = standard_conforming_strings,
	};
}

/* The token is made at the end, at once: parts stored before and copied together would
 * stall the processor, which cannot forward two stores to one load. */
struct token lexer_next(struct lexer *l)
{
	enum token_kind kind = TOKEN_END;
	const char *start;

	skip_space(l);
	start = l->at;
	if (start < l->end)
		l->at = skip_token(l, start, &kind);
	return (struct token){ .kind = kind, .text = { start, (size_t)(l->at - start) } };
}
