/*
 * Counts (state, message) pairs (pairs.h) in one matrix of the process and
 * writes it at exit: "TABLE STATE TYPE COUNT" in numbers, a line each.  Not
 * part of a release.  A process that is killed leaves nothing.
 */
#include "watch/pairs.h"

#include "base/ensure.h"
#include "wire/frame.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATES = 16, TYPES = 256, LINE_BYTES = 48 };

static atomic_ulong counts[PAIRS_TABLES][STATES][TYPES];

void pairs_note(enum pairs_table table, int state, char type)
{
	ensure(state >= 0 && state < STATES);
	atomic_fetch_add_explicit(&counts[table][state][(unsigned char)type], 1,
				  memory_order_relaxed);
}

void pairs_note_held(int state, struct span bytes)
{
	enum frame_result result = FRAME_WHOLE;
	struct frame f;

	while (bytes.size > 0 && result == FRAME_WHOLE) {
		result = frame_next(FRAME_FROM_CLIENT, bytes, &f);
		pairs_note(PAIRS_HELD, state, bytes.data[0]);
		if (result == FRAME_WHOLE)
			bytes = span_after(bytes, f.size);
	}
}

static void write_line(int fd, int table, int state, int type)
{
	unsigned long count = atomic_load(&counts[table][state][type]);
	char line[LINE_BYTES];
	int size;

	if (count == 0)
		return;
	size = snprintf(line, sizeof line, "%d %d %d %lu\n", table, state, type, count);
	/* One write for each line: processes that end together do not mix theirs. */
	if (write(fd, line, (size_t)size) != size)
		perror("could not write $PGWEIR_PAIRS");
}

__attribute__((destructor)) static void write_all(void)
{
	const char *path = getenv("PGWEIR_PAIRS");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (path && fd < 0)
		perror(path);
	if (fd < 0)
		return;
	for (int table = 0; table < PAIRS_TABLES; table++)
		for (int state = 0; state < STATES; state++)
			for (int type = 0; type < TYPES; type++)
				write_line(fd, table, state, type);
	close(fd);
}
