/*
 * Tells what the sessions of a worker do now, for /clients and the sums in
 * /stats.  Changes nothing.  Runs on the worker's thread, which waits for it:
 * all sessions are looked at once, but no more rows are made than were asked
 * for.
 */
#include "client/session.h"

#include "base/ensure.h"

#include <stdio.h>
#include <utlist.h>

/* --- one session --- */

/* It has no server and wants one. */
static bool waits(const struct session *s)
{
	return (s->state == SESSION_WAITING || s->state == SESSION_GREETING) && !s->asker.server;
}

/* One that is closing has given its connection back. */
static enum pin_reason find_pin(const struct session *s)
{
	return s->state == SESSION_CLOSING ? PIN_NONE : s->pin;
}

/* Nothing that the client sent is under way. */
static bool is_at_rest(const struct session *s)
{
	return s->asker.server->queue_count == 0 && !s->is_batch_open && s->passing == 0;
}

/* Another clock reading, or a tick, may be a little ahead. */
static int64_t since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? (int64_t)(now_us - then_us) : 0;
}

static int64_t find_idle_us(const struct session *s, uint64_t now_us)
{
	const struct server *server = s->asker.server;

	if (s->state == SESSION_IDLE)
		return since(s->idle_since_us > s->opened_us ? s->idle_since_us : s->opened_us,
			     now_us);
	/* In a transaction, or pinned: the connection remembers its last answer. */
	if (s->state == SESSION_LINKED && is_at_rest(s))
		return since(server->last_end_us > s->linked_us ? server->last_end_us
								: s->linked_us,
			     now_us);
	return -1;
}

static int64_t find_wait_us(const struct session *s, uint64_t now_us)
{
	if (!waits(s))
		return -1;
	/* A login has no message that arrived: it is measured in its pool's queue. */
	if (s->state == SESSION_GREETING)
		return s->asker.waits_at ? since(s->asker.waits_since_us, now_us) : -1;
	return since(s->arrived_us, now_us);
}

static void write_name(char *to, size_t size, const char *name)
{
	snprintf(to, size, "%s", name ? name : "");
}

static void describe(const struct session *s, struct client_stats *row, uint64_t now_us)
{
	write_name(row->user, sizeof row->user, s->user);
	write_name(row->database, sizeof row->database, s->database);
	write_name(row->application_name, sizeof row->application_name,
		   settings_find(s->settings, "application_name"));
	conn_write_peer(&s->conn, row->address, sizeof row->address);
	row->state = session_state_word(s->state);
	row->pin = find_pin(s) == PIN_NONE ? NULL : pin_reason_word(find_pin(s));
	row->node = s->asker.server ? s->asker.server->pool->node : -1;
	row->age_us = since(s->opened_us, now_us);
	row->idle_us = find_idle_us(s, now_us);
	row->wait_us = find_wait_us(s, now_us);
}

/* --- all of them --- */

void sessions_report(struct sessions *all, struct stats_copy *copy)
{
	int room = copy->client_limit < all->count ? copy->client_limit : all->count;
	uint64_t now = loop_now_us();
	const struct session *s;

	copy->clients_connected = all->count;
	copy->clients_active = all->active_count;
	copy->clients = memory_get((size_t)room * sizeof *copy->clients);
	/* The list is in the order in which they came. */
	DL_FOREACH(all->all, s) {
		copy->clients_waiting += waits(s);
		copy->clients_pinned += find_pin(s) != PIN_NONE;
		if (copy->client_count < room)
			describe(s, &copy->clients[copy->client_count++], now);
	}
}
