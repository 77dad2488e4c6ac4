/*
 * How a client logs in: SCRAM-SHA-256, or md5 where only an md5 hash is stored;
 * an unknown user goes through the whole exchange and fails like a wrong
 * password.  Then the greeting: the parameters of a real server.
 */
#include "client/replication.h"

#include "base/ensure.h"
#include "client/pins.h"
#include "base/log.h"
#include "wire/read.h"
#include "wire/write.h"

#include <stdlib.h>
#include <sys/random.h>

enum { AUTH_OK = 0, AUTH_MD5 = 5, AUTH_SASL = 10, AUTH_SASL_CONTINUE = 11, AUTH_SASL_FINAL = 12 };

struct session_login {
	struct scram_verifier verifier; /* the user's, or a mock */
	struct scram_server scram;
	uint8_t md5_salt[4];
};

void session_login_destroy(struct session_login *login)
{
	if (!login)
		return;
	explicit_bzero(login, sizeof *login);
	free(login);
}

static void send_authentication(struct session *s, int32_t code, struct span data)
{
	struct buf *out = conn_out(&s->conn);
	size_t begun = write_begin(out, SERVER_AUTHENTICATION);

	write_int32(out, code);
	write_bytes(out, data);
	write_end(out, begun);
	conn_sent(&s->conn);
}

static bool get_random(struct session *s, void *bytes, size_t size)
{
	if (getrandom(bytes, size, 0) == (ssize_t)size)
		return true;
	session_fail(s, "58000", "could not get random bytes");
	return false;
}

static void deny(struct session *s)
{
	stats_count(s->sessions->stats, COUNT_LOGINS_FAILED, 1);
	session_fail(s, "28P01", "password authentication failed for user \"%s\"", s->user);
}

/* --- which method --- */

void login_start(struct session *s)
{
	const struct credential *c = credentials_find(s->sessions->users, span_of(s->user));

	s->credential = c;
	s->login = memory_get_zeroed(sizeof *s->login);
	if (c && c->kind == SECRET_MD5) {
		if (!get_random(s, s->login->md5_salt, sizeof s->login->md5_salt))
			return;
		session_set_state(s, SESSION_MD5);
		send_authentication(s, AUTH_MD5, span_make(s->login->md5_salt, 4));
		return;
	}
	if (c)
		s->login->verifier = c->verifier;
	else
		credentials_mock(s->sessions->users, span_of(s->user), &s->login->verifier);
	scram_server_init(&s->login->scram, &s->login->verifier, !c);
	session_set_state(s, SESSION_SCRAM_FIRST);
	send_authentication(s, AUTH_SASL, span_make("SCRAM-SHA-256\0", 15));
}

/* --- SCRAM --- */

static void refuse_scram(struct session *s, enum scram_result result)
{
	if (result == SCRAM_DENIED)
		deny(s);
	else if (result == SCRAM_UNSUPPORTED)
		session_fail(s, "0A000", "SCRAM channel binding and extensions are not supported");
	else
		session_fail(s, "08P01", "malformed SCRAM message");
}

enum take login_take_scram_first(struct session *s, const struct incoming *m)
{
	struct reader body = reader_of(m->f.body);
	uint8_t nonce[SCRAM_RAW_NONCE_BYTES];
	struct scram_message reply;
	enum scram_result result;
	struct span mechanism, client_first;

	if (!m->is_whole)
		return TAKE_MORE;
	mechanism = read_text(&body);
	client_first = read_bytes(&body, (uint32_t)read_int32(&body));
	if (!reader_is_done(&body) || !span_is(mechanism, "SCRAM-SHA-256")) {
		session_fail(s, "08P01",
			     "client selected an invalid SASL authentication mechanism");
		return TAKE_HOLD;
	}
	if (!get_random(s, nonce, sizeof nonce))
		return TAKE_HOLD;
	result = scram_server_first(&s->login->scram, client_first, nonce, &reply);
	if (result != SCRAM_OK) {
		refuse_scram(s, result);
		return TAKE_HOLD;
	}
	session_set_state(s, SESSION_SCRAM_FINAL);
	send_authentication(s, AUTH_SASL_CONTINUE, span_make(reply.data, reply.size));
	return TAKE_DONE;
}

static void admit(struct session *s, const struct scram_keys *keys)
{
	pools_set_secret(s->sessions->pools, s->credential, keys);
	session_login_destroy(s->login);
	s->login = NULL;
	stats_count(s->sessions->stats, COUNT_LOGINS, 1);
	send_authentication(s, AUTH_OK, span_make("", 0));
	session_set_state(s, SESSION_GREETING);
	login_ask_greeting(s);
}

enum take login_take_scram_final(struct session *s, const struct incoming *m)
{
	struct scram_message reply;
	struct scram_keys keys;
	enum scram_result result;

	if (!m->is_whole)
		return TAKE_MORE;
	result = scram_server_final(&s->login->scram, m->f.body, &reply, &keys);
	if (result != SCRAM_OK) {
		refuse_scram(s, result);
		return TAKE_HOLD;
	}
	send_authentication(s, AUTH_SASL_FINAL, span_make(reply.data, reply.size));
	admit(s, &keys);
	explicit_bzero(&keys, sizeof keys);
	return TAKE_DONE;
}

/* --- md5 --- */

enum take login_take_md5(struct session *s, const struct incoming *m)
{
	struct reader body = reader_of(m->f.body);
	char expected[36];
	struct span sent;

	if (!m->is_whole)
		return TAKE_MORE;
	sent = read_text(&body);
	if (!reader_is_done(&body)) {
		session_fail(s, "08P01", "invalid password packet size");
		return TAKE_HOLD;
	}
	md5_response(s->credential->md5_hex, s->login->md5_salt, expected);
	if (!secret_equal(sent, span_of(expected))) {
		deny(s);
		return TAKE_HOLD;
	}
	admit(s, NULL);
	return TAKE_DONE;
}

/* --- the greeting --- */

static void note_parameters(struct session *s, struct span messages)
{
	struct frame f;

	while (frame_next(FRAME_FROM_SERVER, messages, &f) == FRAME_WHOLE) {
		struct reader r = reader_of(f.body);
		struct span name = read_text(&r);
		struct span value = read_text(&r);

		query_on_parameter(s, name, value);
		messages = span_after(messages, f.size);
	}
}

static void send_greeting(struct session *s, struct span parameters)
{
	struct buf *out = conn_out(&s->conn);
	size_t begun;

	note_parameters(s, parameters);
	write_bytes(out, parameters);
	begun = write_begin(out, SERVER_BACKEND_KEY);
	write_int32(out, (int32_t)(s->key >> 32));
	write_int32(out, (int32_t)s->key);
	write_end(out, begun);
	write_ready(out, 'I');
	conn_sent(&s->conn);
	s->deadline_us = 0;
	if (s->replication) {
		session_set_state(s, SESSION_REPLICATION);
		return;
	}
	/* Not before a server said that there is one of this name: a client may
	 * make up as many as it likes. */
	s->sessions->on_database(s->sessions->context, s->database);
	if (s->sessions->config->pool_mode == POOL_MODE_SESSION)
		session_pin(s, PIN_SESSION_MODE);
	session_set_state(s, SESSION_IDLE);
}

void login_greet(struct session *s, struct server *server)
{
	struct buf parameters = { 0 };

	buf_append(&parameters, server->greeting.data + server->greeting.sent,
		   server->greeting.filled - server->greeting.sent);
	if (!s->replication)
		pool_give_back(server, false);
	send_greeting(s, buf_waiting(&parameters));
	buf_finish(&parameters);
}

/* Settings are tried out on a server, so that a wrong one is refused at login,
 * as PostgreSQL does; without any, what another login was told holds too. */
void login_ask_greeting(struct session *s)
{
	struct route route = router_choose_any(s->sessions->router);
	struct pool *pool;

	if (s->replication) {
		replication_ask(s);
		return;
	}
	if (route.target != TARGET_NODE)
		return; /* a new topology or the deadline looks again */
	if (pools_are_full_for(s->sessions->pools, route.node, s->database, s->user)) {
		session_fail(s, "53400", "too many databases are in use");
		return;
	}
	pool = session_pool(s, route.node);
	if (!s->settings && !buf_is_empty(&pool->greeting)) {
		send_greeting(s, buf_waiting(&pool->greeting));
		return;
	}
	if (pool_lend(pool, &s->asker) == POOL_LENT)
		session_asker_ops.on_lent(&s->asker, s->asker.server);
}
