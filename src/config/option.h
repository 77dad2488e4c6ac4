/*
 * The table made from option.def: where each option lives, which values it
 * takes, how they are written.
 */
#ifndef PGWEIR_CONFIG_OPTION_H
#define PGWEIR_CONFIG_OPTION_H

#include "base/span.h"
#include "config/config.h"

/* OPTION_pool_size: the option's place in the table. */
enum option_index {
#define OPTION(section, key, kind, text, lowest, highest, sentence) OPTION_##section##_##key,
#include "config/option.def"
#undef OPTION
	OPTION_COUNT
};

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_SWITCH, OPTION_WORD };

struct config_option {
	const char *section, *key;
	enum option_kind kind;
	const char *standard; /* the default, as text */
	int lowest, highest; /* OPTION_NUMBER */
	const char *const *words; /* OPTION_WORD; NULL-terminated */
	size_t offset; /* of its field in struct config */
	const char *sentence;
};

extern const struct config_option option_table[OPTION_COUNT];

/* OPTION_COUNT when there is none. */
enum option_index option_find(struct span section, struct span key);
bool option_has_section(struct span section);
/* What was probably meant, for a message; NULL when nothing is close. */
const char *option_near_section(struct span section);
const char *option_near_key(struct span section, struct span key);
/* The section of a key that was written elsewhere; NULL when no section has it. */
const char *option_home_of(struct span key);

/* Stores the value in its field; false when it is none of the option's values.
 * A text is not copied: it must live as long as the config. */
bool option_store(const struct config_option *option, struct config *config, const char *value);
/* The field's value as it is written in a file; `number` is room for digits. */
const char *option_read(const struct config_option *option, const struct config *config,
			char number[12]);
/* What a value must be: "an integer between 1 and 10000", "on or off". */
void option_expect(const struct config_option *option, char *out, size_t room);

#endif
