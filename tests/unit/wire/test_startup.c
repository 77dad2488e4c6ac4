/*
 * startup.h: first packets with every length, cut at every byte, with NULs where
 * none belong (FAILURES A4, A5, A8, A9, A15), and what we send ourselves.
 */
#include "wire/bytes.h"

#include "wire/frame.h"
#include "wire/startup.h"
#include "wire/write.h"

/* A packet with this code (the protocol version, as a rule) and body. */
static struct span packet_of(uint32_t code, struct span body)
{
	struct span packet;
	struct buf b;
	size_t begun;

	buf_init(&b);
	begun = write_begin(&b, '\0');
	write_int32(&b, (int32_t)code);
	write_bytes(&b, body);
	write_end(&b, begun);
	packet = exact_copy(buf_waiting(&b));
	buf_finish(&b);
	return packet;
}

static enum startup_kind kind_of(uint32_t code, struct span body)
{
	struct span packet = packet_of(code, body);
	struct startup s;
	enum startup_kind kind = startup_parse(packet, &s);

	exact_free(packet);
	return kind;
}

enum { V3 = 3 << 16, SSL = 1234 << 16 | 5679, GSS = 1234 << 16 | 5680, CANCEL = 1234 << 16 | 5678 };

static void test_a_startup_message(void **state)
{
	struct span packet = packet_of(V3, BYTES("user\0ann\0database\0shop\0empty\0\0\0"));
	struct startup s;

	(void)state;
	assert_int_equal(startup_parse(packet, &s), STARTUP_MESSAGE);
	assert_int_equal(s.size, packet.size);
	assert_int_equal(s.major, 3);
	assert_int_equal(s.minor, 0);
	assert_int_equal(s.parameter_count, 3);
	assert_span(startup_find(&s, "user"), "ann");
	assert_span(startup_find(&s, "database"), "shop");
	assert_non_null(startup_find(&s, "empty").data);
	assert_int_equal(startup_find(&s, "empty").size, 0);
	assert_null(startup_find(&s, "use").data);
	assert_null(startup_find(&s, "ann").data);
	exact_free(packet);
}

static void test_A06_cut_at_every_byte(void **state)
{
	static const uint32_t codes[] = { V3, SSL, GSS, CANCEL };
	const struct span bodies[] = { BYTES("user\0a\0\0"), BYTES(""), BYTES(""),
				       BYTES("\1\2\3\4\5\6\7\10") };
	const enum startup_kind kinds[] = { STARTUP_MESSAGE, STARTUP_SSL, STARTUP_GSS,
					    STARTUP_CANCEL };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct span packet = packet_of(codes[i], bodies[i]);

		for (size_t size = 0; size <= packet.size; size++) {
			struct span cut = exact_copy(span_first(packet, size));
			struct startup s;

			assert_int_equal(startup_parse(cut, &s),
					 size < packet.size ? STARTUP_MORE : kinds[i]);
			exact_free(cut);
		}
		exact_free(packet);
	}
}

static void test_C09_bytes_behind_the_packet_are_not_part_of_it(void **state)
{
	struct startup s;

	(void)state;
	assert_int_equal(startup_parse(BYTES("\0\0\0\10\4\322\26\57rest"), &s), STARTUP_SSL);
	assert_int_equal(s.size, 8);
	assert_int_equal(startup_parse(BYTES("\0\0\0\10\4\322\26\60rest"), &s), STARTUP_GSS);
	assert_int_equal(s.size, 8);
}

static void test_A08_lengths(void **state)
{
	static const uint32_t bad[] = { 0, 1, 2, 3, 4, 5, 6, 7, 10001, 0x3fffffff, 0x7fffffff,
					0x80000000, 0xffffffff };
	struct startup s;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char bytes[4] = { (char)(bad[i] >> 24), (char)(bad[i] >> 16), (char)(bad[i] >> 8),
				  (char)bad[i] };

		assert_int_equal(startup_parse(span_make(bytes, 4), &s), STARTUP_BAD_LENGTH);
	}
	assert_int_equal(startup_parse(BYTES("\0\0\0\10"), &s), STARTUP_MORE);
	assert_int_equal(startup_parse(BYTES("\0\0\x27\x10"), &s), STARTUP_MORE);
}

static void test_A08_the_longest_packet(void **state)
{
	char value[STARTUP_LIMIT_BYTES];
	struct span body = { value, STARTUP_LIMIT_BYTES - 8 };

	(void)state;
	memset(value, 'v', sizeof value);
	memcpy(value, "user", 5);
	memset(value + body.size - 2, 0, 2);
	assert_int_equal(kind_of(V3, body), STARTUP_MESSAGE);
	memset(value, 'v', sizeof value);
	memcpy(value, "user", 5);
	memset(value + body.size - 1, 0, 2);
	body.size++;
	assert_int_equal(kind_of(V3, body), STARTUP_BAD_LENGTH);
}

/* Four bytes are enough to know that these are not PostgreSQL clients. */
static void test_A09_other_protocols_on_the_port(void **state)
{
	struct startup s;

	(void)state;
	assert_int_equal(startup_parse(BYTES("GET "), &s), STARTUP_BAD_LENGTH);
	assert_int_equal(startup_parse(BYTES("\x16\3\1\2"), &s), STARTUP_BAD_LENGTH);
	assert_int_equal(startup_parse(BYTES("*1\r\n"), &s), STARTUP_BAD_LENGTH);
	assert_int_equal(startup_parse(BYTES("SSH-"), &s), STARTUP_BAD_LENGTH);
	assert_int_equal(startup_parse(BYTES("\r\n\r\n"), &s), STARTUP_BAD_LENGTH);
}

static void test_versions(void **state)
{
	struct span packet = packet_of(3 << 16 | 2, BYTES("user\0a\0\0"));
	struct startup s;

	(void)state;
	assert_int_equal(startup_parse(packet, &s), STARTUP_MESSAGE);
	assert_int_equal(s.minor, 2);
	exact_free(packet);
	assert_int_equal(kind_of(2 << 16, BYTES("user\0a\0\0")), STARTUP_BAD_VERSION);
	assert_int_equal(kind_of(4 << 16, BYTES("user\0a\0\0")), STARTUP_BAD_VERSION);
	assert_int_equal(kind_of(0, BYTES("user\0a\0\0")), STARTUP_BAD_VERSION);
	assert_int_equal(kind_of(0xffffffff, BYTES("user\0a\0\0")), STARTUP_BAD_VERSION);
	assert_int_equal(kind_of(1234 << 16 | 5681, BYTES("")), STARTUP_BAD_VERSION);
}

static void test_requests_have_exact_sizes(void **state)
{
	struct span packet = packet_of(CANCEL, BYTES("\xff\2\3\4\x80\6\7\10"));
	struct startup s;

	(void)state;
	assert_int_equal(startup_parse(packet, &s), STARTUP_CANCEL);
	assert_int_equal(s.cancel_process, 0xff020304);
	assert_int_equal(s.cancel_secret, 0x80060708);
	exact_free(packet);
	assert_int_equal(kind_of(CANCEL, BYTES("1234567")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(CANCEL, BYTES("123456789")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(SSL, BYTES("x")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(GSS, BYTES("\0")), STARTUP_BAD_LAYOUT);
}

static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(kind_of(V3, BYTES("\0")), STARTUP_MESSAGE);
	assert_int_equal(kind_of(V3, BYTES("")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0a\0")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0a")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0\0")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0a\0\0x")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0a\0\0\0")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0a\0\0x\0y\0\0")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("\0a\0\0")), STARTUP_BAD_LAYOUT);
}

/* application_name = "x NUL user NUL admin" from a driver that does not check. */
static void test_A15_a_nul_in_a_value_is_a_second_user(void **state)
{
	(void)state;
	assert_int_equal(kind_of(V3, BYTES("user\0ann\0application_name\0x\0user\0admin\0\0")),
			 STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("user\0ann\0user\0ann\0\0")), STARTUP_BAD_LAYOUT);
	assert_int_equal(kind_of(V3, BYTES("application_name\0x\0\0user\0admin\0\0")),
			 STARTUP_BAD_LAYOUT);
	/* A value may well look like a name. */
	assert_int_equal(kind_of(V3, BYTES("user\0user\0database\0user\0\0")), STARTUP_MESSAGE);
}

static void test_parameter_count_at_its_limit(void **state)
{
	(void)state;
	for (int count = STARTUP_MAX_PARAMETERS - 1; count <= STARTUP_MAX_PARAMETERS + 1; count++) {
		struct buf b;

		buf_init(&b);
		for (int i = 0; i < count; i++) {
			char name[] = { 'p', (char)('0' + i / 10), (char)('0' + i % 10) };

			write_text(&b, span_make(name, 3));
			write_text(&b, span_of("v"));
		}
		write_byte(&b, 0);
		assert_int_equal(kind_of(V3, buf_waiting(&b)), count <= STARTUP_MAX_PARAMETERS
								       ? STARTUP_MESSAGE
								       : STARTUP_BAD_LAYOUT);
		buf_finish(&b);
	}
}

/* --- options --- */

/* "name=value|name=value" of a text, "BAD" at its end when it is. */
static void read_options(struct span text, char *out, size_t room)
{
	struct options_setting setting;
	enum options_result result;
	size_t size = 0;
	int steps = 0;

	out[0] = '\0';
	while ((result = options_next(&text, &setting)) == OPTIONS_SETTING) {
		size += (size_t)snprintf(out + size, room - size, "%s%s=%s", size ? "|" : "",
					 setting.name, setting.value);
		assert_true(size < room && ++steps < 10000);
	}
	if (result == OPTIONS_BAD)
		snprintf(out + size, room - size, "BAD");
}

static void assert_options(const char *text, const char *expected)
{
	struct span copy = exact_copy(span_of(text));
	char out[8192];

	read_options(copy, out, sizeof out);
	assert_string_equal(out, expected);
	exact_free(copy);
}

static void test_options(void **state)
{
	(void)state;
	assert_options("", "");
	assert_options("  \t\n ", "");
	assert_options("-c a=1", "a=1");
	assert_options("-ca=1", "a=1");
	assert_options("--a=1", "a=1");
	assert_options(" -c  a=1\t--b=2 -cc=3 ", "a=1|b=2|c=3");
	assert_options("--work-mem=4MB", "work_mem=4MB");
	assert_options("--a-b=c-d", "a_b=c-d");
	assert_options("-c a=", "a=");
	assert_options("-c a=b=c", "a=b=c");
	assert_options("-c search_path=a,\\ b", "search_path=a, b");
	assert_options("-c a=\\\\x", "a=\\x");
	assert_options("-c a=\\-\\c", "a=-c");
	assert_options("-c a=1 -c a=2", "a=1|a=2");
}

static void test_A05_options_empty_name(void **state)
{
	(void)state;
	assert_options("-c=", "BAD");
	assert_options("-c =", "BAD");
	assert_options("-c =1", "BAD");
	assert_options("--=", "BAD");
	assert_options("--=1", "BAD");
	assert_options("--", "BAD");
	assert_options("-c", "BAD");
	assert_options("-c ", "BAD");
	assert_options("-c -c", "BAD");
	assert_options("-c a", "BAD");
	assert_options("--a", "BAD");
	assert_options("-c a=1 -c=", "a=1BAD");
}

static void test_A05_options_that_postgres_has_and_we_refuse(void **state)
{
	(void)state;
	assert_options("-", "BAD");
	assert_options("a=1", "BAD");
	assert_options("-e", "BAD");
	assert_options("-B 100", "BAD");
	assert_options("-C a=1", "BAD");
}

static void test_A05_options_backslash_at_the_end(void **state)
{
	(void)state;
	assert_options("-c a=1\\", "a=1");
	assert_options("-c a=\\", "a=");
	assert_options("\\", "BAD");
	assert_options("-c \\", "BAD");
	assert_options("-c a=1\\\\", "a=1\\");
}

static void test_A05_options_lengths(void **state)
{
	static const struct {
		size_t name, value;
		enum options_result result;
	} cases[] = {
		{ 127, 1023, OPTIONS_SETTING },
		{ 128, 1, OPTIONS_BAD },
		{ 1, 1024, OPTIONS_BAD },
		{ 127, 1024, OPTIONS_BAD },
		{ 128, 1023, OPTIONS_BAD },
		{ 9000, 0, OPTIONS_BAD },
		{ 1, 9000, OPTIONS_BAD },	{ 1, 0, OPTIONS_SETTING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (int style = 0; style < 3; style++) {
			static const char *const prefixes[] = { "-c", "-c ", "--" };
			struct options_setting setting;
			struct buf b;
			struct span left;

			buf_init(&b);
			write_bytes(&b, span_of(prefixes[style]));
			for (size_t k = 0; k < cases[i].name; k++)
				write_byte(&b, 'n');
			write_byte(&b, '=');
			for (size_t k = 0; k < cases[i].value; k++)
				write_byte(&b, 'v');
			left = buf_waiting(&b);
			assert_int_equal(options_next(&left, &setting), cases[i].result);
			if (cases[i].result == OPTIONS_SETTING) {
				assert_int_equal(strlen(setting.name), cases[i].name);
				assert_int_equal(strlen(setting.value), cases[i].value);
				assert_int_equal(options_next(&left, &setting), OPTIONS_END);
			}
			buf_finish(&b);
		}
	}
}

/* As many as fit into a packet: linear, and each takes at least a byte. */
static void test_A05_options_many(void **state)
{
	struct options_setting setting;
	struct span left;
	struct buf b;
	int count = 0;

	(void)state;
	buf_init(&b);
	for (int i = 0; i < 2000; i++)
		write_bytes(&b, span_of("-ca= "));
	left = buf_waiting(&b);
	while (options_next(&left, &setting) == OPTIONS_SETTING)
		count++;
	assert_int_equal(count, 2000);
	buf_finish(&b);
}

/* --- what we send --- */

static void test_A15_what_a_server_gets(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b);
	startup_write(&b, span_of("ann"), span_of("shop"), span_of(""));
	assert_bytes(buf_waiting(&b), BYTES("\0\0\0\40\0\3\0\0user\0ann\0database\0shop\0\0"));
	buf_finish(&b);
}

/* Each value as PostgreSQL reads it. */
static void test_replication(void **state)
{
	static const struct {
		const char *value;
		enum startup_replication wanted;
	} cases[] = {
		{ "true", REPLICATION_ON },	{ "TR", REPLICATION_ON },
		{ "t", REPLICATION_ON },	{ "truex", REPLICATION_BAD },
		{ "yes", REPLICATION_ON },	{ "Y", REPLICATION_ON },
		{ "on", REPLICATION_ON },	{ "o", REPLICATION_BAD },
		{ "1", REPLICATION_ON },	{ "11", REPLICATION_BAD },
		{ "database", REPLICATION_ON }, { "Database", REPLICATION_BAD },
		{ "false", REPLICATION_OFF },	{ "F", REPLICATION_OFF },
		{ "no", REPLICATION_OFF },	{ "n", REPLICATION_OFF },
		{ "off", REPLICATION_OFF },	{ "of", REPLICATION_OFF },
		{ "offf", REPLICATION_BAD },	{ "0", REPLICATION_OFF },
		{ "", REPLICATION_BAD },	{ " on", REPLICATION_BAD },
		{ "2", REPLICATION_BAD },
	};
	struct startup s = { .parameters = BYTES("user\0on\0") };

	(void)state;
	assert_int_equal(startup_replication(&s), REPLICATION_OFF);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct span pairs;
		struct buf b;

		buf_init(&b);
		write_text(&b, span_of("replication"));
		write_text(&b, span_of(cases[i].value));
		pairs = exact_copy(buf_waiting(&b));
		s.parameters = pairs;
		assert_int_equal(startup_replication(&s), cases[i].wanted);
		exact_free(pairs);
		buf_finish(&b);
	}
}

static void test_what_a_server_of_ones_own_gets(void **state)
{
	struct startup s = { .parameters = BYTES("a\0b\0user\0ann\0_pq_.x\0y\0User\0\0"
						 "database\0shop\0replication\0on\0") };
	struct buf pairs, b;

	(void)state;
	buf_init(&pairs);
	buf_init(&b);
	startup_write_pairs(&pairs, &s);
	assert_bytes(buf_waiting(&pairs), BYTES("a\0b\0User\0\0replication\0on\0"));
	startup_write(&b, span_of("ann"), span_of("shop"), buf_waiting(&pairs));
	assert_bytes(buf_waiting(&b),
		     BYTES("\0\0\0\71\0\3\0\0user\0ann\0database\0shop\0"
			   "a\0b\0User\0\0replication\0on\0\0"));
	buf_finish(&pairs);
	buf_finish(&b);
}

static void test_a_cancel_request_comes_back(void **state)
{
	struct startup s;
	struct buf b;

	(void)state;
	buf_init(&b);
	startup_write_cancel(&b, 0x80000001, 0xfffffffe);
	assert_int_equal(startup_parse(buf_waiting(&b), &s), STARTUP_CANCEL);
	assert_int_equal(s.size, 16);
	assert_int_equal(s.cancel_process, 0x80000001);
	assert_int_equal(s.cancel_secret, 0xfffffffe);
	buf_finish(&b);
}

/* Byte for byte what PostgreSQL 15 answers to protocol 3.2 with two options. */
static void test_B11_negotiation_as_postgres_does(void **state)
{
	struct span packet =
		packet_of(3 << 16 | 2, BYTES("user\0a\0_pq_.foo\0x\0TimeZone\0UTC\0_pq_.b\0\0\0"));
	struct startup s;
	struct buf b;

	(void)state;
	assert_int_equal(startup_parse(packet, &s), STARTUP_MESSAGE);
	buf_init(&b);
	startup_write_negotiate(&b, &s);
	assert_bytes(buf_waiting(&b), BYTES("v\0\0\0\34\0\3\0\0\0\0\0\2_pq_.foo\0_pq_.b\0"));
	buf_finish(&b);
	exact_free(packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_startup_message),
		cmocka_unit_test(test_A06_cut_at_every_byte),
		cmocka_unit_test(test_C09_bytes_behind_the_packet_are_not_part_of_it),
		cmocka_unit_test(test_A08_lengths),
		cmocka_unit_test(test_A08_the_longest_packet),
		cmocka_unit_test(test_A09_other_protocols_on_the_port),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_requests_have_exact_sizes),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_A15_a_nul_in_a_value_is_a_second_user),
		cmocka_unit_test(test_parameter_count_at_its_limit),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_A05_options_empty_name),
		cmocka_unit_test(test_A05_options_that_postgres_has_and_we_refuse),
		cmocka_unit_test(test_A05_options_backslash_at_the_end),
		cmocka_unit_test(test_A05_options_lengths),
		cmocka_unit_test(test_A05_options_many),
		cmocka_unit_test(test_A15_what_a_server_gets),
		cmocka_unit_test(test_replication),
		cmocka_unit_test(test_what_a_server_of_ones_own_gets),
		cmocka_unit_test(test_a_cancel_request_comes_back),
		cmocka_unit_test(test_B11_negotiation_as_postgres_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
