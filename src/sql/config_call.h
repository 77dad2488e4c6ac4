/*
 * Which settings the set_config() calls of a text name.  The normal form does
 * not say: it has no literals.
 */
#ifndef PGWEIR_SQL_CONFIG_CALL_H
#define PGWEIR_SQL_CONFIG_CALL_H

#include "sql/lexer.h"

enum { CONFIG_NAME_BYTES = 128 };

enum config_call {
	CONFIG_CALL_NONE, /* no more of them */
	CONFIG_CALL_NAMED, /* with a plain literal: `name` has it, in lower case */
	CONFIG_CALL_UNKNOWN, /* with a parameter, an expression, escapes */
};

/* The next call that the lexer meets. */
enum config_call config_call_next(struct lexer *l, char name[CONFIG_NAME_BYTES]);

#endif
