/*
 * How deep a parse tree can be, known from its tokens alone.  A branch of the
 * tree is made of brackets and of chains ("1+1+…", "x::a::b", UNION after UNION),
 * and each link of a chain has an operator, or a word where no operand is due.  So
 * those are counted: anew after each comma, for the items of a list stand side by
 * side; what a bracket held is added to what surrounds it.
 */
#ifndef PGWEIR_SQL_CHAIN_H
#define PGWEIR_SQL_CHAIN_H

#include "sql/lexer.h"
#include "sql/normal.h"

struct chain_level {
	unsigned here; /* links since the last comma */
	unsigned most; /* of the items before */
	unsigned unions; /* links that commas do not end */
};

struct chain {
	unsigned nesting; /* open brackets now */
	unsigned deepest; /* the most there were */
	unsigned longest; /* of the statements before */
	/* The next word is an operand, or the rest of one behind a dot. */
	bool wants_operand;
	struct chain_level levels[NORMAL_NESTING_MAX + 1]; /* deeper ones are not kept */
};

void chain_start(struct chain *c);
/* A word's `keyword` is known. */
void chain_see(struct chain *c, const struct token *t);
/* The statement is over. */
void chain_end(struct chain *c);

#endif
