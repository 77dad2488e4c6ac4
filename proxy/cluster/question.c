/*
 * Holds the SQL of the probe beside the code that reads its columns.  It does
 * not judge what they mean: census.c does.  Control thread.
 */
#include "cluster/question.h"

#include <errno.h>
#include <stdlib.h>

enum column {
	COLUMN_IN_RECOVERY,
	COLUMN_SYSTEM,
	COLUMN_TIMELINE,
	COLUMN_LSN,
	COLUMN_RECEIVED,
	COLUMN_QUIET,
	COLUMN_PAGE,
	COLUMN_SEGMENT,
	COLUMN_COUNT,
};

/*
 * A standby's timeline: what it streams (hidden without pg_monitor), or what
 * its control file says, which is late after a failover.  A primary's: the one
 * in the name of the file it writes; its control file is late too.
 */
const char *question_text(void)
{
	return "SELECT r.y::int,"
	       " (SELECT system_identifier FROM pg_control_system()),"
	       " CASE WHEN r.y THEN greatest((SELECT timeline_id FROM pg_control_checkpoint()),"
	       "  (SELECT min_recovery_end_timeline FROM pg_control_recovery()),"
	       "  (SELECT received_tli FROM pg_stat_wal_receiver))"
	       " ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))"
	       "  ::bit(32)::int8 END,"
	       " coalesce((CASE WHEN r.y THEN pg_last_wal_replay_lsn()"
	       "  ELSE pg_current_wal_insert_lsn() END - '0/0'::pg_lsn)::int8, 0),"
	       " coalesce((pg_last_wal_receive_lsn() - '0/0'::pg_lsn)::int8, 0),"
	       " coalesce((extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())"
	       "  * 1000)::int8, -1),"
	       " current_setting('wal_block_size'),"
	       " pg_size_bytes(current_setting('wal_segment_size'))"
	       " FROM (SELECT pg_is_in_recovery() AS y OFFSET 0) AS r";
}

static bool read_number(const PGresult *rows, enum column column, int64_t *number)
{
	const char *text = PQgetvalue(rows, 0, (int)column);
	char *end;

	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0';
}

bool question_read(const PGresult *rows, struct census_answer *answer)
{
	int64_t n[COLUMN_COUNT];

	if (PQntuples(rows) != 1 || PQnfields(rows) != COLUMN_COUNT)
		return false;
	for (int i = 0; i < COLUMN_COUNT; i++)
		if (!read_number(rows, (enum column)i, &n[i]))
			return false;
	*answer = (struct census_answer){
		.is_in_recovery = n[COLUMN_IN_RECOVERY] != 0,
		.system_id = (uint64_t)n[COLUMN_SYSTEM],
		.timeline = (uint32_t)n[COLUMN_TIMELINE],
		.lsn = (uint64_t)n[COLUMN_LSN],
		.received_lsn = (uint64_t)n[COLUMN_RECEIVED],
		.quiet_ms = n[COLUMN_QUIET] < -1 ? 0 : n[COLUMN_QUIET],
		.page_bytes = (uint32_t)n[COLUMN_PAGE],
		.segment_bytes = (uint64_t)n[COLUMN_SEGMENT],
	};
	return true;
}
