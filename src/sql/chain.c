/*
 * The measure of chain.h.  Does not build the tree and is never below its
 * depth; it may be far above.  Any thread.
 */
#include "sql/chain.h"

#include "sql/keyword.h"

static struct chain_level *find_level(struct chain *c)
{
	unsigned n = c->nesting < NORMAL_NESTING_MAX ? c->nesting : NORMAL_NESTING_MAX;

	return &c->levels[n];
}

static void end_item(struct chain_level *level)
{
	if (level->here > level->most)
		level->most = level->here;
	level->here = 0;
}

static unsigned sum_level(struct chain_level *level)
{
	end_item(level);
	return level->most + level->unions;
}

static void open_level(struct chain *c)
{
	c->nesting++;
	if (c->nesting > c->deepest)
		c->deepest = c->nesting;
	/* All levels beyond the limit share the last one, which goes on counting. */
	if (c->nesting <= NORMAL_NESTING_MAX)
		*find_level(c) = (struct chain_level){ 0 };
}

static void close_level(struct chain *c)
{
	unsigned inside;

	if (c->nesting == 0)
		return;
	inside = c->nesting <= NORMAL_NESTING_MAX ? sum_level(find_level(c)) : 0;
	c->nesting--;
	find_level(c)->here += inside;
}

void chain_start(struct chain *c)
{
	c->nesting = c->deepest = c->longest = 0;
	c->wants_operand = true;
	c->levels[0] = (struct chain_level){ 0 };
}

static void see_mark(struct chain *c, char mark)
{
	c->wants_operand = mark != ')' && mark != ']';
	switch (mark) {
	case '(':
	case '[':
		open_level(c);
		break;
	case ')':
	case ']':
		close_level(c);
		break;
	case ',':
	case ';':
		end_item(find_level(c));
		break;
	}
}

static void see_word(struct chain *c, unsigned keyword)
{
	bool is_operand = c->wants_operand;

	c->wants_operand = keyword & KEYWORD_FLAT;
	if (keyword & KEYWORD_SET_OPERATION)
		find_level(c)->unions++;
	else if (!(keyword & KEYWORD_FLAT) && !is_operand)
		find_level(c)->here++;
}

void chain_see(struct chain *c, const struct token *t)
{
	switch (t->kind) {
	case TOKEN_MARK:
		see_mark(c, t->text.data[0]);
		break;
	case TOKEN_WORD:
		see_word(c, t->keyword);
		break;
	case TOKEN_OPERATOR:
	case TOKEN_JUNK:
		find_level(c)->here++;
		c->wants_operand = true;
		break;
	default:
		c->wants_operand = false;
	}
}

void chain_end(struct chain *c)
{
	unsigned all;

	while (c->nesting > 0)
		close_level(c);
	all = sum_level(&c->levels[0]);
	if (all > c->longest)
		c->longest = all;
	c->wants_operand = true;
	c->levels[0] = (struct chain_level){ 0 };
}
