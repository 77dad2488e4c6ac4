/*
 * The login on a server (login.h).  The server is not trusted: it may ask for
 * one authentication at most, for a bounded number of iterations, and must prove
 * that it knows us before SCRAM counts as done.  Runs on the worker's thread.
 */
#include "server/login.h"

#include "base/ensure.h"
#include "auth/credential.h"
#include "server/pool.h"
#include "watch/pairs.h"
#include "wire/error.h"
#include "wire/frame.h"
#include "wire/read.h"
#include "wire/startup.h"
#include "wire/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { GREETING_LIMIT_BYTES = 64 * 1024 };

/* AuthenticationXXX codes. */
enum {
	AUTH_OK = 0,
	AUTH_CLEARTEXT = 3,
	AUTH_MD5 = 5,
	AUTH_SASL = 10,
	AUTH_SASL_CONTINUE = 11,
	AUTH_SASL_FINAL = 12,
};

enum login_step {
	LOGIN_ASKED, /* the startup packet is sent */
	LOGIN_SCRAM_FIRST, /* our first SCRAM message is sent */
	LOGIN_SCRAM_FINAL, /* our proof is sent */
	LOGIN_SCRAM_VERIFIED, /* the server proved itself */
	LOGIN_PASSWORD, /* a cleartext or md5 answer is sent */
	LOGIN_ACCEPTED, /* AuthenticationOk */
};

struct server_login {
	enum login_step step;
	struct scram_client scram;
	char *password; /* owned: the pools' may be replaced while this login runs */
};

void login_secret_finish(struct login_secret *secret)
{
	if (secret->password)
		explicit_bzero(secret->password, strlen(secret->password));
	if (secret->md5_hex)
		explicit_bzero(secret->md5_hex, strlen(secret->md5_hex));
	free(secret->password);
	free(secret->md5_hex);
	explicit_bzero(secret, sizeof *secret);
}

void login_destroy(struct server_login *login)
{
	if (!login)
		return;
	scram_client_finish(&login->scram);
	if (login->password)
		explicit_bzero(login->password, strlen(login->password));
	free(login->password);
	free(login);
}

void login_begin(struct server *s)
{
	s->login = memory_get_zeroed(sizeof *s->login);
	startup_write(conn_out(&s->conn), span_of(s->pool->user), span_of(s->pool->database),
		      buf_waiting(&s->pool->startup));
	conn_sent(&s->conn);
}

static void fail(struct server *s, const char *sqlstate, const char *message)
{
	server_fail(s, &(struct error){ "FATAL", sqlstate, message, NULL, NULL });
}

static void fail_protocol(struct server *s, const char *what)
{
	char message[160];

	snprintf(message, sizeof message, "server broke the protocol during login: %s", what);
	fail(s, "08P01", message);
}

/* --- answers to the server's questions --- */

static void send_password(struct server *s, struct span text)
{
	write_string_message(conn_out(&s->conn), CLIENT_PASSWORD, text);
	conn_sent(&s->conn);
	s->login->step = LOGIN_PASSWORD;
}

static void answer_cleartext(struct server *s, const struct login_secret *secret)
{
	if (!secret || !secret->password) {
		fail(s, "28000",
		     "server asks for a password, but users_file has only its verifier");
		return;
	}
	send_password(s, span_of(secret->password));
}

static void answer_md5(struct server *s, const struct login_secret *secret, struct reader *body)
{
	struct span salt = read_bytes(body, 4);
	char hex[33], response[36];

	if (!reader_is_done(body)) {
		fail_protocol(s, "a malformed md5 request");
		return;
	}
	if (secret && secret->password) {
		md5_hex_from_password(secret->password, s->pool->user, hex);
	} else if (secret && secret->md5_hex) {
		memcpy(hex, secret->md5_hex, sizeof hex);
	} else {
		fail(s, "28000",
		     "server asks for md5, but users_file has only a SCRAM verifier");
		return;
	}
	md5_response(hex, (const uint8_t *)salt.data, response);
	send_password(s, span_of(response));
	explicit_bzero(hex, sizeof hex);
}

static bool offers_scram(struct reader *mechanisms)
{
	bool found = false;

	for (;;) {
		struct span name = read_text(mechanisms);

		if (mechanisms->failed || name.size == 0)
			return found && reader_is_done(mechanisms);
		if (span_is(name, "SCRAM-SHA-256"))
			found = true;
	}
}

static void send_scram_first(struct server *s)
{
	struct scram_message message;
	uint8_t nonce[SCRAM_RAW_NONCE_BYTES];
	struct buf *out;
	size_t begun;

	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce) {
		fail(s, "58000", "could not get random bytes");
		return;
	}
	scram_client_first(&s->login->scram, nonce, &message);
	out = conn_out(&s->conn);
	begun = write_begin(out, CLIENT_PASSWORD);
	write_text(out, span_of("SCRAM-SHA-256"));
	write_int32(out, (int32_t)message.size);
	write_bytes(out, span_make(message.data, message.size));
	write_end(out, begun);
	conn_sent(&s->conn);
	s->login->step = LOGIN_SCRAM_FIRST;
}

static void answer_sasl(struct server *s, const struct login_secret *secret, struct reader *body)
{
	if (!offers_scram(body)) {
		fail(s, "28000", "server offers no SASL mechanism that is supported");
		return;
	}
	if (secret && secret->password) {
		s->login->password = memory_copy_text(secret->password);
		scram_client_init_password(&s->login->scram, s->login->password);
	} else if (secret && secret->has_keys) {
		scram_client_init_keys(&s->login->scram, &secret->keys);
	} else {
		fail(s, "28000", "server asks for SCRAM, but users_file has only an md5 hash");
		return;
	}
	send_scram_first(s);
}

static void report_scram(struct server *s, enum scram_result result)
{
	if (result == SCRAM_TOO_COSTLY)
		fail(s, "28000", "server asks for an iteration count out of bounds");
	else if (result == SCRAM_DENIED)
		fail(s, "28P01", "server does not know the password (SCRAM)");
	else
		fail_protocol(s, "a malformed SCRAM message");
}

static void answer_sasl_continue(struct server *s, struct span server_first)
{
	struct scram_message message;
	enum scram_result result;
	struct buf *out;
	size_t begun;

	result = scram_client_final(&s->login->scram, server_first, &message);
	if (result != SCRAM_OK) {
		report_scram(s, result);
		return;
	}
	out = conn_out(&s->conn);
	begun = write_begin(out, CLIENT_PASSWORD);
	write_bytes(out, span_make(message.data, message.size));
	write_end(out, begun);
	conn_sent(&s->conn);
	s->login->step = LOGIN_SCRAM_FINAL;
}

static void check_sasl_final(struct server *s, struct span server_final)
{
	enum scram_result result = scram_client_verify(&s->login->scram, server_final);

	if (result != SCRAM_OK)
		report_scram(s, result);
	else
		s->login->step = LOGIN_SCRAM_VERIFIED;
}

/* Which question may come at which step. */
static bool is_expected(enum login_step step, int32_t code)
{
	switch (code) {
	case AUTH_OK:
		return step == LOGIN_ASKED || step == LOGIN_PASSWORD ||
		       step == LOGIN_SCRAM_VERIFIED;
	case AUTH_CLEARTEXT:
	case AUTH_MD5:
	case AUTH_SASL:
		return step == LOGIN_ASKED;
	case AUTH_SASL_CONTINUE:
		return step == LOGIN_SCRAM_FIRST;
	case AUTH_SASL_FINAL:
		return step == LOGIN_SCRAM_FINAL;
	}
	return true;
}

static void on_authentication(struct server *s, struct span bytes)
{
	const struct login_secret *secret = pool_secret(s->pool);
	struct reader body = reader_of(bytes);
	int32_t code = read_int32(&body);

	if (body.failed || !is_expected(s->login->step, code)) {
		fail_protocol(s, "an authentication message out of turn");
		return;
	}
	switch (code) {
	case AUTH_OK:
		s->login->step = LOGIN_ACCEPTED;
		return;
	case AUTH_CLEARTEXT:
		answer_cleartext(s, secret);
		return;
	case AUTH_MD5:
		answer_md5(s, secret, &body);
		return;
	case AUTH_SASL:
		answer_sasl(s, secret, &body);
		return;
	case AUTH_SASL_CONTINUE:
		answer_sasl_continue(s, body.left);
		return;
	case AUTH_SASL_FINAL:
		check_sasl_final(s, body.left);
		return;
	}
	fail(s, "28000", "server asks for an authentication method that is not supported");
}

/* --- the other messages --- */

static void copy_text(char *out, size_t room, struct span text, const char *otherwise)
{
	if (text.size)
		snprintf(out, room, "%.*s", SPAN_ARGS(text));
	else
		snprintf(out, room, "%s", otherwise);
}

static void on_error(struct server *s, struct span body)
{
	char sqlstate[6], message[512], detail[512], hint[512];
	struct error_fields fields;

	error_read(body, &fields);
	copy_text(sqlstate, sizeof sqlstate, fields.sqlstate, "08004");
	copy_text(message, sizeof message, fields.message, "server refused the login");
	copy_text(detail, sizeof detail, fields.detail, "");
	copy_text(hint, sizeof hint, fields.hint, "");
	if (strlen(sqlstate) != 5)
		snprintf(sqlstate, sizeof sqlstate, "08004");
	server_fail(s, &(struct error){ "FATAL", sqlstate, message, detail[0] ? detail : NULL,
					hint[0] ? hint : NULL });
}

static void on_parameter(struct server *s, const struct frame *f)
{
	struct reader r = reader_of(f->body);

	read_text(&r);
	read_text(&r);
	if (!reader_is_done(&r) ||
	    f->size > GREETING_LIMIT_BYTES - s->greeting.filled) {
		fail_protocol(s, "a malformed or too long ParameterStatus");
		return;
	}
	buf_append(&s->greeting, f->body.data - FRAME_HEADER_BYTES, f->size);
}

static void on_key(struct server *s, struct span body)
{
	struct reader r = reader_of(body);

	s->process = (uint32_t)read_int32(&r);
	s->secret = (uint32_t)read_int32(&r);
	if (!reader_is_done(&r))
		fail_protocol(s, "a malformed BackendKeyData");
}

static void on_ready(struct server *s, struct span body)
{
	if (body.size != 1 || body.data[0] != 'I') {
		fail_protocol(s, "a malformed ReadyForQuery");
		return;
	}
	login_destroy(s->login);
	s->login = NULL;
	s->status = 'I';
	pool_set_greeting(s->pool, buf_waiting(&s->greeting));
	pool_server_ready(s);
}

static void on_message(struct server *s, const struct frame *f)
{
	bool accepted = s->login->step == LOGIN_ACCEPTED;

	pairs_note(PAIRS_SERVER, s->state, f->type);
	switch (f->type) {
	case SERVER_AUTHENTICATION:
		on_authentication(s, f->body);
		return;
	case SERVER_ERROR:
		on_error(s, f->body);
		return;
	case SERVER_NOTICE:
	case SERVER_NEGOTIATE_VERSION:
		return;
	case SERVER_PARAMETER_STATUS:
		if (accepted)
			on_parameter(s, f);
		return;
	case SERVER_BACKEND_KEY:
		if (accepted)
			on_key(s, f->body);
		return;
	case SERVER_READY:
		if (accepted) {
			on_ready(s, f->body);
			return;
		}
		break;
	}
	fail_protocol(s, "an unexpected message");
}

size_t login_bytes(struct server *s, struct span bytes)
{
	size_t used = 0;

	while (s->state == SERVER_LOGIN) {
		struct frame f;

		switch (frame_next(FRAME_FROM_SERVER, span_after(bytes, used), &f)) {
		case FRAME_WHOLE:
			break;
		case FRAME_MORE:
			return used;
		case FRAME_PARTIAL:
			if (f.size <= GREETING_LIMIT_BYTES)
				return used;
			fail_protocol(s, "a message too long");
			return bytes.size;
		case FRAME_BAD_TYPE:
			pairs_note(PAIRS_SERVER, s->state, f.type);
			/* fall through */
		case FRAME_BAD_LENGTH:
			fail_protocol(s, "not a PostgreSQL message");
			return bytes.size;
		}
		used += f.size;
		s->has_unread = used < bytes.size;
		on_message(s, &f);
	}
	/* Logged in: bytes behind the ReadyForQuery are the relay's matter. */
	return s->state == SERVER_CLOSED ? bytes.size : used;
}
