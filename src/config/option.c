/*
 * The table of options and its three readers: name → option, text → field,
 * field → text.  Does not know where a value came from.
 */
#include "config/option.h"

#include "base/ensure.h"
#include "config/text.h"

#include <assert.h>
#include <stddef.h>

#define X(name, word) word,
static const char *const pin_policy_words[] = { PIN_POLICIES(X) NULL };
static const char *const pool_mode_words[] = { POOL_MODES(X) NULL };
static const char *const consistency_words[] = { CONSISTENCIES(X) NULL };
static const char *const balance_words[] = { BALANCES(X) NULL };
static const char *const primary_reads_words[] = { PRIMARY_READS(X) NULL };
static const char *const tls_mode_words[] = { TLS_MODES(X) NULL };
static const char *const log_word_words[] = { LOG_WORDS(X) NULL };
#undef X

/* Enumerations are read and written as ints. */
static_assert(sizeof(enum pool_mode) == sizeof(int), "an enum is as wide as an int");

#define KIND_TEXT OPTION_TEXT, NULL
#define KIND_NUMBER OPTION_NUMBER, NULL
#define KIND_SWITCH OPTION_SWITCH, NULL
#define KIND_pool_mode OPTION_WORD, pool_mode_words
#define KIND_pin_policy OPTION_WORD, pin_policy_words
#define KIND_consistency OPTION_WORD, consistency_words
#define KIND_balance OPTION_WORD, balance_words
#define KIND_primary_reads OPTION_WORD, primary_reads_words
#define KIND_tls_mode OPTION_WORD, tls_mode_words
#define KIND_log_word OPTION_WORD, log_word_words

#define MAKE(section, key, kind_and_words, text, lowest, highest, sentence)                        \
	MAKE_WITH(section, key, kind_and_words, text, lowest, highest, sentence)
#define MAKE_WITH(section, key, kind, words, text, lowest, highest, sentence)                      \
	{ #section, #key, kind,     text, lowest, highest,                                         \
	  words,    offsetof(struct config, section##_##key), sentence },

const struct config_option option_table[OPTION_COUNT] = {
#define OPTION(section, key, kind, text, lowest, highest, sentence)                                \
	MAKE(section, key, KIND_##kind, text, lowest, highest, sentence)
#include "config/option.def"
#undef OPTION
};

enum option_index option_find(struct span section, struct span key)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (span_is(section, option_table[i].section) && span_is(key, option_table[i].key))
			return (enum option_index)i;
	return OPTION_COUNT;
}

bool option_has_section(struct span section)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (span_is(section, option_table[i].section))
			return true;
	return false;
}

/* Two slips in a word of five letters or more, one in a shorter one. */
static bool is_near(struct span written, const char *word)
{
	return text_distance(written, span_of(word)) <= (strlen(word) < 5 ? 1 : 2);
}

const char *option_near_section(struct span section)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (is_near(section, option_table[i].section))
			return option_table[i].section;
	return NULL;
}

const char *option_near_key(struct span section, struct span key)
{
	const char *nearest = NULL;

	for (int i = 0; i < OPTION_COUNT; i++) {
		const char *candidate = option_table[i].key;

		if (!span_is(section, option_table[i].section) || !is_near(key, candidate))
			continue;
		if (nearest == NULL || text_distance(key, span_of(candidate)) <
					       text_distance(key, span_of(nearest)))
			nearest = candidate;
	}
	return nearest;
}

const char *option_home_of(struct span key)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (span_is(key, option_table[i].key))
			return option_table[i].section;
	return NULL;
}

static bool switch_from_text(struct span text, bool *on)
{
	static const char *const yes[] = { "on", "true", "yes", "1" };
	static const char *const no[] = { "off", "false", "no", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*on = text_is_word(text, yes[i]);
		if (*on || text_is_word(text, no[i]))
			return true;
	}
	return false;
}

static bool word_from_text(const struct config_option *option, struct span text, int *value)
{
	for (*value = 0; option->words[*value] != NULL; ++*value)
		if (text_is_word(text, option->words[*value]))
			return true;
	return false;
}

bool option_store(const struct config_option *option, struct config *config, const char *value)
{
	char *field = (char *)config + option->offset;
	struct span text = span_of(value);
	bool on;
	int number;

	switch (option->kind) {
	case OPTION_TEXT:
		memcpy(field, &value, sizeof(value));
		return true;
	case OPTION_SWITCH:
		if (!switch_from_text(text, &on))
			return false;
		memcpy(field, &on, sizeof(on));
		return true;
	case OPTION_NUMBER:
		if (!text_number(text, option->lowest, option->highest, &number))
			return false;
		break;
	case OPTION_WORD:
		if (!word_from_text(option, text, &number))
			return false;
		break;
	}
	memcpy(field, &number, sizeof(number));
	return true;
}

const char *option_read(const struct config_option *option, const struct config *config,
			char number[12])
{
	const char *field = (const char *)config + option->offset;
	const char *text;
	bool on;
	int value;

	switch (option->kind) {
	case OPTION_TEXT:
		memcpy(&text, field, sizeof(text));
		return text;
	case OPTION_SWITCH:
		memcpy(&on, field, sizeof(on));
		return on ? "on" : "off";
	case OPTION_NUMBER:
	case OPTION_WORD:
		break;
	}
	memcpy(&value, field, sizeof(value));
	if (option->kind == OPTION_WORD)
		return option->words[value];
	snprintf(number, 12, "%d", value);
	return number;
}

static void list_words(const char *const *words, char *out, size_t room)
{
	size_t used = 0;

	for (int i = 0; words[i] != NULL; i++) {
		const char *joint = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
		int size = snprintf(out + used, room - used, "%s%s", joint, words[i]);

		ensure(size >= 0 && (size_t)size < room - used);
		used += (size_t)size;
	}
}

void option_expect(const struct config_option *option, char *out, size_t room)
{
	switch (option->kind) {
	case OPTION_TEXT:
		snprintf(out, room, "a text");
		return;
	case OPTION_SWITCH:
		snprintf(out, room, "on or off");
		return;
	case OPTION_NUMBER:
		snprintf(out, room, "an integer between %d and %d", option->lowest,
			 option->highest);
		return;
	case OPTION_WORD:
		list_words(option->words, out, room);
		return;
	}
}
