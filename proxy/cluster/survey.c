/*
 * Holds the SQL that finds everything dangerous in a database, in one query
 * and so from one snapshot.  It does not know when it is asked.  Control thread.
 *
 * Objects are pairs (kind, oid), of kind f function, o operator, t type (when
 * something is cast to it), c type (when a column merely has it), r relation, w the
 * writing of a relation.
 * An edge says that using the first one may use the second one.  Dangerous are
 * the seeds, which are volatile functions and relations that only the primary
 * can serve, and whatever reaches one of them along edges.
 *
 * pg_depend has most edges but none to what initdb created, so that a view over
 * pg_advisory_lock depends on nothing; the stored trees name those by oid.
 */
#include "cluster/survey.h"

#include "cluster/traces.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What users create has greater oids (FirstNormalObjectId). */
#define USER_OIDS "16384"

/* Other sessions' temporary objects are left out: a stranger's temporary table
 * "orders" must not take the reads of the permanent one away.  A session with
 * temporary tables of its own is pinned; a name unknown here goes to the primary. */
#define SCHEMAS                                                                        \
	"schemas AS MATERIALIZED (SELECT oid, nspname FROM pg_namespace"               \
	" WHERE nspname NOT LIKE 'pg\\_temp\\_%' AND nspname NOT LIKE 'pg\\_toast%')"

/* Reading a materialized view does not run its query: it is like a table. */
#define VIEWS                                                                          \
	"views AS MATERIALIZED (SELECT r.oid AS rule, c.oid AS relation,"              \
	" r.ev_action::text AS tree FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class" \
	" WHERE r.ev_type = '1' AND c.relkind = 'v' AND c.oid >= " USER_OIDS ")"

#define POLICIES                                                                       \
	"policies AS MATERIALIZED (SELECT p.oid AS policy, c.oid AS relation,"         \
	" p.polqual::text AS tree FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid" \
	" WHERE c.relrowsecurity)"

#define TREES                                                                          \
	"trees (kind, id, tree) AS (SELECT 'r', relation, tree FROM views"             \
	" UNION ALL SELECT 'r', relation, tree FROM policies"                          \
	" UNION ALL SELECT 'f', oid, proargdefaults::text FROM pg_proc"                \
	"  WHERE proargdefaults IS NOT NULL AND oid >= " USER_OIDS                     \
	" UNION ALL SELECT 'f', oid, prosqlbody::text FROM pg_proc"                    \
	"  WHERE prosqlbody IS NOT NULL AND oid >= " USER_OIDS                         \
	" UNION ALL SELECT 't', contypid, conbin::text FROM pg_constraint WHERE contypid <> 0" \
	" UNION ALL SELECT 't', oid, typdefaultbin::text FROM pg_type"                 \
	"  WHERE typdefaultbin IS NOT NULL"                                            \
	" UNION ALL SELECT 'w', adrelid, adbin::text FROM pg_attrdef"                  \
	" UNION ALL SELECT 'w', conrelid, conbin::text FROM pg_constraint"             \
	"  WHERE conrelid <> 0 AND conbin IS NOT NULL"                                 \
	" UNION ALL SELECT 'w', ev_class, ev_qual::text || ev_action::text FROM pg_rewrite" \
	"  WHERE ev_type <> '1' AND ev_class >= " USER_OIDS ")"

#define KINDS                                                                          \
	"kinds (class, kind) AS (VALUES ('pg_proc'::regclass, 'f'),"                   \
	" ('pg_operator'::regclass, 'o'), ('pg_type'::regclass, 't'),"                 \
	" ('pg_class'::regclass, 'r'))"

#define EDGES_OF_TREES                                                                 \
	"SELECT DISTINCT t.kind, t.id,"                                                \
	" CASE m[1] WHEN 'relid' THEN 'r' WHEN 'opno' THEN 'o' ELSE 'f' END, m[2]::oid" \
	" FROM trees t, regexp_matches(t.tree,"                                        \
	" ':(funcid|aggfnoid|winfnoid|opfuncid|opno|relid) (\\d+)', 'g') AS m"

/* A function's planner support is not called by a statement, and extensions
 * leave it volatile carelessly. */
#define EDGES_OF_DEPEND                                                                \
	" UNION ALL SELECT 'r', v.relation, k.kind, d.refobjid FROM views v"           \
	"  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = v.rule" \
	"  JOIN kinds k ON k.class = d.refclassid"                                     \
	" UNION ALL SELECT 'r', p.relation, k.kind, d.refobjid FROM policies p"        \
	"  JOIN pg_depend d ON d.classid = 'pg_policy'::regclass AND d.objid = p.policy" \
	"  JOIN kinds k ON k.class = d.refclassid"                                     \
	" UNION ALL SELECT 't', c.contypid, k.kind, d.refobjid FROM pg_constraint c"   \
	"  JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid" \
	"  JOIN kinds k ON k.class = d.refclassid WHERE c.contypid <> 0"               \
	" UNION ALL SELECT 'f', p.oid, k.kind, d.refobjid FROM pg_proc p"              \
	"  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid"    \
	"  JOIN kinds k ON k.class = d.refclassid WHERE d.refobjid <> p.prosupport"

#define EDGES_OF_FUNCTIONS                                                             \
	" UNION ALL SELECT 'f', a.aggfnoid, 'f', f FROM pg_aggregate a,"               \
	"  unnest(ARRAY[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn," \
	"  aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[]) AS f WHERE f <> 0"        \
	" UNION ALL SELECT 'o', oid, 'f', oprcode FROM pg_operator WHERE oprcode <> 0"

#define EDGES_OF_TYPES                                                                 \
	" UNION ALL SELECT 't', t.oid, 'f', f FROM pg_type t,"                         \
	"  unnest(ARRAY[typinput, typreceive, typmodin]::oid[]) AS f WHERE f <> 0"     \
	" UNION ALL SELECT k, t.oid, k, typelem FROM pg_type t, unnest('{t,c}'::text[]) AS k" \
	"  WHERE typelem >= " USER_OIDS                                                \
	" UNION ALL SELECT k, t.oid, k, typbasetype FROM pg_type t, unnest('{t,c}'::text[]) AS k" \
	"  WHERE typbasetype <> 0"                                                     \
	" UNION ALL SELECT 't', c.reltype, 't', a.atttypid FROM pg_class c"            \
	"  JOIN pg_attribute a ON a.attrelid = c.oid"                                  \
	"  WHERE c.reltype <> 0 AND a.attnum > 0 AND a.atttypid >= " USER_OIDS         \
	" UNION ALL SELECT 't', rngtypid, 't', rngsubtype FROM pg_range"               \
	" UNION ALL SELECT 't', rngmultitypid, 't', rngtypid FROM pg_range"            \
	" UNION ALL SELECT 't', rngtypid, 'f', rngcanonical FROM pg_range WHERE rngcanonical <> 0" \
	" UNION ALL SELECT 't', t, 'f', castfunc FROM pg_cast,"                        \
	"  unnest(ARRAY[castsource, casttarget]) AS t WHERE castfunc <> 0"

/* What a column of a type does unasked: being sent, cast implicitly, sorted. */
#define EDGES_OF_COLUMN_TYPES                                                          \
	" UNION ALL SELECT 'c', t.oid, 'f', f FROM pg_type t,"                         \
	"  unnest(ARRAY[typoutput, typsend]::oid[]) AS f"                              \
	"  WHERE f <> 0 AND t.oid >= " USER_OIDS                                       \
	" UNION ALL SELECT 'c', t, 'f', castfunc FROM pg_cast,"                        \
	"  unnest(ARRAY[castsource, casttarget]) AS t"                                 \
	"  WHERE castfunc <> 0 AND castcontext = 'i'"                                  \
	" UNION ALL SELECT 'c', amproclefttype, 'f', amproc FROM pg_amproc p"          \
	"  JOIN pg_opfamily o ON o.oid = p.amprocfamily JOIN pg_am a ON a.oid = o.opfmethod" \
	"  WHERE a.amname IN ('btree', 'hash')"

#define EDGES_OF_RELATIONS                                                             \
	" UNION ALL SELECT 'r', a.attrelid, 'c', a.atttypid FROM pg_attribute a"       \
	"  WHERE a.attnum > 0 AND a.atttypid >= " USER_OIDS                            \
	" UNION ALL SELECT 'r', inhparent, 'r', inhrelid FROM pg_inherits"

/* Stable by name, but they assign a transaction id, look at one session or one
 * node, or run SQL from a string. */
#define DANGEROUS_STABLE                                                               \
	"(n.nspname = 'pg_catalog' AND p.proname ~ '^(txid_current|txid_current_if_assigned" \
	"|pg_current_xact_id|pg_current_xact_id_if_assigned|pg_stat_get_.*|pg_my_temp_schema" \
	"|pg_is_other_temp_schema|pg_listening_channels|pg_cursor|pg_prepared_statement" \
	"|pg_prepared_xact|(table|schema|database)_to_xml.*)$'"                        \
	" OR p.proname ~ '^(crosstab.*|connectby|xpath_table)$')"

/* Not among those that the configuration calls harmless. */
#define UNLISTED                                                                       \
	"p.proname <> ALL (string_to_array($1::text, ','))"                            \
	" AND n.nspname || '.' || p.proname <> ALL (string_to_array($1::text, ','))"

#define SEEDS                                                                          \
	"seeds (kind, id) AS (SELECT 'f', p.oid FROM pg_proc p"                        \
	" JOIN pg_namespace n ON n.oid = p.pronamespace"                               \
	" WHERE (p.provolatile = 'v' OR p.prokind = 'p' OR " DANGEROUS_STABLE ")"      \
	"  AND " UNLISTED                                                              \
	" UNION ALL SELECT 'r', c.oid FROM pg_class c"                                 \
	" JOIN pg_namespace n ON n.oid = c.relnamespace"                               \
	" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"                           \
	"  AND (c.relpersistence <> 'p' OR c.relkind IN ('f', 'S')"                    \
	"  OR n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast')))"

#define BAD                                                                            \
	"bad (kind, id) AS (SELECT kind, id FROM seeds UNION SELECT e.kind, e.id"      \
	" FROM bad b JOIN edges e ON e.to_kind = b.kind AND e.to_id = b.id)"

/* ---- traces: what functions leave in the session, see traces.h ---- */

/* Those of danger.def that leave something: known by their name, for they are not
 * written in SQL.  Whoever names one in a text is judged by the text. */
#define TELLING                                                                        \
	"p.proname ~ '^(set_config|setseed|set_limit|pg_replication_origin_session_setup" \
	"|pg_backup_start|pg_start_backup|pg_(try_)?advisory_lock(_shared)?"           \
	"|dblink_connect(_u)?)$'"

#define BODIES                                                                         \
	"bodies AS MATERIALIZED (SELECT p.oid, l.lanname IN ('sql', 'plpgsql') AS is_sql," \
	" CASE WHEN l.lanname IN ('internal', 'c') THEN p.proname::text ELSE p.prosrc END" \
	"  AS body FROM pg_proc p JOIN schemas n ON n.oid = p.pronamespace"            \
	" JOIN pg_language l ON l.oid = p.prolang"                                     \
	" WHERE ((p.oid >= " USER_OIDS " AND l.lanname NOT IN ('internal', 'c'))"      \
	"  OR " TELLING ") AND " UNLISTED ")"

/* A write runs triggers, defaults, checks and rules, and reads; it goes on to
 * partitions, to what refers with ON … CASCADE, through views to their tables. */
#define USES_OF_WRITES                                                                 \
	"SELECT 'w', tgrelid, 'f', tgfoid FROM pg_trigger"                             \
	"  WHERE NOT tgisinternal AND tgenabled <> 'D'"                                \
	" UNION ALL SELECT 'w', oid, 'r', oid FROM pg_class"                           \
	"  WHERE oid >= " USER_OIDS " AND relkind IN ('r', 'p', 'v', 'f')"             \
	" UNION ALL SELECT 'w', inhparent, 'w', inhrelid FROM pg_inherits"             \
	" UNION ALL SELECT 'w', confrelid, 'w', conrelid FROM pg_constraint"           \
	"  WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd')"                    \
	"  OR confupdtype IN ('c', 'n', 'd'))"                                         \
	" UNION ALL SELECT 'w', a.attrelid, 't', a.atttypid FROM pg_attribute a"       \
	"  WHERE a.attnum > 0 AND a.atttypid >= " USER_OIDS                            \
	" UNION ALL SELECT 'w', r.ev_class, 'w', d.refobjid FROM pg_rewrite r"         \
	"  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid" \
	"  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class"     \
	"  AND r.ev_class >= " USER_OIDS                                               \
	" UNION ALL SELECT 'f', d.objid, 'w', d.refobjid FROM pg_depend d"             \
	"  WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass"

#define USES                                                                           \
	"uses (kind, id, to_kind, to_id) AS MATERIALIZED (SELECT u.* FROM"             \
	" (SELECT * FROM edges UNION " USES_OF_WRITES ") AS u (kind, id, to_kind, to_id)" \
	" LEFT JOIN (SELECT p.oid FROM pg_proc p JOIN pg_namespace n"                  \
	"  ON n.oid = p.pronamespace WHERE NOT (" UNLISTED ")) AS listed"              \
	"  ON u.kind = 'f' AND u.id = listed.oid WHERE listed.oid IS NULL)"

/* Only what uses some body is worth telling. */
#define REACHING                                                                       \
	"reaching (kind, id) AS (SELECT 'f', oid FROM bodies UNION"                    \
	" SELECT u.kind, u.id FROM reaching r JOIN uses u"                             \
	"  ON u.to_kind = r.kind AND u.to_id = r.id)"

#define TRACES                                                                         \
	" UNION ALL (SELECT CASE WHEN is_sql THEN 'q' ELSE 'p' END, 'f' || oid, body, ''" \
	"  FROM bodies ORDER BY oid LIMIT 100000)"                                     \
	" UNION ALL (SELECT 'u', u.kind || u.id, u.to_kind || u.to_id, '' FROM uses u" \
	"  JOIN reaching a ON a.kind = u.kind AND a.id = u.id"                         \
	"  JOIN reaching b ON b.kind = u.to_kind AND b.id = u.to_id"                   \
	"  ORDER BY 2, 3 LIMIT 500000)"                                                \
	" UNION ALL (SELECT 'n', n.nspname, p.proname, 'f' || p.oid FROM pg_proc p"    \
	"  JOIN schemas n ON n.oid = p.pronamespace"                                   \
	"  JOIN reaching a ON a.kind = 'f' AND a.id = p.oid"                           \
	"  WHERE NOT (p.oid < " USER_OIDS " AND " TELLING ")"                          \
	" UNION ALL SELECT 'n', n.nspname, c.relname, a.kind || c.oid FROM pg_class c" \
	"  JOIN schemas n ON n.oid = c.relnamespace"                                   \
	"  JOIN reaching a ON a.kind IN ('r', 'w') AND a.id = c.oid"                   \
	" UNION ALL SELECT 'n', n.nspname, t.typname, 't' || t.oid FROM pg_type t"     \
	"  JOIN schemas n ON n.oid = t.typnamespace"                                   \
	"  JOIN reaching a ON a.kind = 't' AND a.id = t.oid"                           \
	" UNION ALL SELECT 'n', n.nspname, o.oprname, 'o' || o.oid FROM pg_operator o" \
	"  JOIN schemas n ON n.oid = o.oprnamespace"                                   \
	"  JOIN reaching a ON a.kind = 'o' AND a.id = o.oid ORDER BY 4)"

/*
 * A name is dangerous if any overload is.  Array types of users are named only
 * when dangerous: the grammar gives arrays as their element.  The dangerous come
 * first: what the limit cuts is unknown, never harmless.  The first row decides the
 * types: a body would be cut to 63 bytes if it were "name".
 */
#define RESULT                                                                         \
	" (SELECT 'f', n.nspname::text, p.proname::text,"                              \
	"  bool_or(b.id IS NOT NULL)::int::text FROM pg_proc p"                        \
	"  JOIN schemas n ON n.oid = p.pronamespace"                                   \
	"  LEFT JOIN bad b ON b.kind = 'f' AND b.id = p.oid GROUP BY 2, 3"             \
	" UNION ALL SELECT 'o', n.nspname, o.oprname,"                                 \
	"  bool_or(b.id IS NOT NULL)::int::text FROM pg_operator o"                    \
	"  JOIN schemas n ON n.oid = o.oprnamespace"                                   \
	"  LEFT JOIN bad b ON b.kind = 'o' AND b.id = o.oid GROUP BY 2, 3"             \
	" UNION ALL SELECT 't', n.nspname, t.typname,"                                 \
	"  (b.id IS NOT NULL)::int::text FROM pg_type t"                               \
	"  JOIN schemas n ON n.oid = t.typnamespace"                                   \
	"  LEFT JOIN bad b ON b.kind = 't' AND b.id = t.oid"                           \
	"  WHERE b.id IS NOT NULL OR t.typcategory <> 'A' OR n.nspname = 'pg_catalog'" \
	" UNION ALL SELECT 'r', n.nspname, c.relname,"                                 \
	"  (b.id IS NOT NULL)::int::text FROM pg_class c"                              \
	"  JOIN schemas n ON n.oid = c.relnamespace"                                   \
	"  LEFT JOIN bad b ON b.kind = 'r' AND b.id = c.oid"                           \
	"  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"                          \
	" ORDER BY 4 DESC, 1, 2, 3 LIMIT 500000)"

/* ---- what sessions begin with, see sql/start_path.h ---- */

/* The levels are those of enum start_level. */
#define STARTS                                                                         \
	"starts AS MATERIALIZED (SELECT CASE WHEN setrole <> 0 AND setdatabase <> 0 THEN '0'" \
	" WHEN setrole <> 0 THEN '1' WHEN setdatabase <> 0 THEN '2' ELSE '3' END AS level," \
	" CASE WHEN setrole = 0 THEN '' ELSE pg_get_userbyid(setrole)::text END AS role," \
	" split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value"       \
	" FROM pg_db_role_setting, unnest(setconfig) AS c WHERE setdatabase IN (0,"    \
	"  (SELECT oid FROM pg_database WHERE datname = current_database())))"

/* What we are given at login is the server's own only if nobody altered it for us. */
#define SETTINGS                                                                       \
	" UNION ALL (SELECT CASE name WHEN 'role' THEN 'i' ELSE 's' END, level, role, value" \
	"  FROM starts WHERE name IN ('search_path', 'role') ORDER BY 1, 2, 3)"        \
	" UNION ALL SELECT 's', '4', '', reset_val FROM pg_settings"                   \
	"  WHERE name = 'search_path' AND NOT EXISTS (SELECT FROM starts"              \
	"  WHERE starts.name = 'search_path' AND role IN ('', session_user))"

const char *survey_opening(void)
{
	return "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)";
}

const char *survey_question(void)
{
	return "WITH RECURSIVE " SCHEMAS ", " VIEWS ", " POLICIES ", " TREES ", " KINDS
	       ", edges (kind, id, to_kind, to_id) AS MATERIALIZED (" EDGES_OF_TREES
	       EDGES_OF_DEPEND EDGES_OF_FUNCTIONS EDGES_OF_TYPES EDGES_OF_COLUMN_TYPES
	       EDGES_OF_RELATIONS "), " SEEDS ", " BAD ", " BODIES ", " USES ", " REACHING
	       ", " STARTS RESULT TRACES SETTINGS;
}

/* The words of survey.h's table. */
enum { COLUMN_KIND, COLUMN_ONE, COLUMN_TWO, COLUMN_THREE, COLUMN_COUNT };

static bool read_trace(struct traces *t, char kind, const char *one, const char *two,
		       const char *three)
{
	switch (kind) {
	case 'n':
		traces_add_name(t, three, one, two);
		return three[0] != '\0';
	case 'u':
		traces_add_use(t, one, two);
		return true;
	case 'q':
	case 'p':
		traces_add_body(t, one, two, kind == 'q');
		return true;
	default:
		return false;
	}
}

static bool read_start(struct start_paths *starts, bool is_path, const char *level,
		       const char *role, const char *path)
{
	int number = level[0] - '0';

	if (number < 0 || number >= START_LEVEL_COUNT)
		return false;
	if (is_path)
		start_paths_add(starts, (enum start_level)number, role, path);
	else
		start_paths_add_role(starts, (enum start_level)number, role);
	return true;
}

static bool read_row(struct volatility *v, struct traces *t, const PGresult *rows, int row)
{
	char kind = PQgetvalue(rows, row, COLUMN_KIND)[0];
	const char *one = PQgetvalue(rows, row, COLUMN_ONE);
	const char *two = PQgetvalue(rows, row, COLUMN_TWO);
	const char *three = PQgetvalue(rows, row, COLUMN_THREE);
	bool is_bad = strcmp(three, "0") != 0;

	switch (kind) {
	case 'f':
		volatility_add_function(v, one, two, is_bad);
		return true;
	case 'o':
		volatility_add_operator(v, one, two, is_bad);
		return true;
	case 't':
		volatility_add_type(v, one, two, is_bad);
		return true;
	case 'r':
		volatility_add_relation(v, one, two, is_bad);
		return true;
	case 's':
	case 'i':
		return read_start(volatility_start_paths(v), kind == 's', one, two, three);
	default:
		return read_trace(t, kind, one, two, three);
	}
}

struct volatility *survey_read(const PGresult *rows, const char *database, uint64_t generation)
{
	struct volatility *v;
	struct traces *t;
	bool makes_sense = true;

	/* There are always built-in functions: an empty answer is no answer. */
	if (PQnfields(rows) != COLUMN_COUNT || PQntuples(rows) == 0)
		return NULL;
	v = volatility_create(database, generation);
	t = traces_create();
	for (int row = 0; row < PQntuples(rows) && makes_sense; row++)
		makes_sense = read_row(v, t, rows, row);
	if (makes_sense)
		traces_tell(t, v);
	traces_destroy(t);
	if (makes_sense)
		return v;
	volatility_drop(v);
	return NULL;
}

struct survey_digest survey_digest(const PGresult *rows, uint64_t seed)
{
	XXH3_state_t state;
	XXH128_hash_t hash;

	XXH3_INITSTATE(&state);
	XXH3_128bits_reset_withSeed(&state, seed);
	for (int row = 0; row < PQntuples(rows); row++)
		/* With the NUL, so that "a", "bc" is not "ab", "c". */
		for (int column = 0; column < PQnfields(rows); column++)
			XXH3_128bits_update(&state, PQgetvalue(rows, row, column),
					    (size_t)PQgetlength(rows, row, column) + 1);
	hash = XXH3_128bits_digest(&state);
	return (struct survey_digest){ hash.low64, hash.high64 };
}
