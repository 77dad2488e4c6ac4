/*
 * What the tests of SCRAM share: a verifier of PostgreSQL's, fixed nonces, and an
 * exchange between both of our sides.
 */
#ifndef TEST_AUTH_EXCHANGE_H
#define TEST_AUTH_EXCHANGE_H

#include "auth/scram.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PASSWORD "correct horse"
/* create role app password 'correct horse', PostgreSQL 15, from pg_authid */
#define POSTGRES_VERIFIER                                                      \
	"SCRAM-SHA-256$4096:xNUmo/KfXHbKc15aehDnXQ=="                          \
	"$mGSQCgqrDaJljV69BXyZWfElzWaDYY7qdG/QwZgOSMQ="                        \
	":LNQLDkiuitGEbbWrT1xeVUUMNWDM4h6DGuLHWAuYaUA="
/* the same for the UTF-8 password 'pässwörd' */
#define POSTGRES_VERIFIER_UTF8                                                 \
	"SCRAM-SHA-256$4096:9k+j8ZghL5HdU9IfH+lAyw=="                          \
	"$xtG4h9M+no1X1tc8kPAuTFuMO2QUOkIvAXZuJUVeV+M="                        \
	":/7+faZzxzUMV064BKX2BAQTZiLgfNcXum78gobCCEl4="

static const uint8_t client_nonce[SCRAM_RAW_NONCE_BYTES] = "client nonce 1234";
static const uint8_t server_nonce[SCRAM_RAW_NONCE_BYTES] = "server nonce 5678";
#define CLIENT_NONCE "Y2xpZW50IG5vbmNlIDEyMzQA"
#define SERVER_NONCE "c2VydmVyIG5vbmNlIDU2NzgA"

static inline struct span span_of_message(const struct scram_message *m)
{
	return span_make(m->data, m->size);
}

static inline struct scram_verifier verifier_of_postgres(void)
{
	struct scram_verifier v = { 0 };

	assert_true(scram_verifier_parse(span_of(POSTGRES_VERIFIER), &v));
	return v;
}

#define KEY "mGSQCgqrDaJljV69BXyZWfElzWaDYY7qdG/QwZgOSMQ="
#define KEYS "$" KEY ":" KEY

#define NONCE CLIENT_NONCE SERVER_NONCE

struct exchange {
	struct scram_verifier verifier;
	struct scram_server server;
	struct scram_client client;
	struct scram_message client_first, server_first, client_final, server_final;
	struct scram_keys keys;
};

/* Up to the client's proof; what was sent stays in *x. */
static inline void start(struct exchange *x, bool is_mock)
{
	scram_server_init(&x->server, &x->verifier, is_mock);
	scram_client_first(&x->client, client_nonce, &x->client_first);
	assert_int_equal(scram_server_first(&x->server, span_of_message(&x->client_first),
					    server_nonce, &x->server_first),
			 SCRAM_OK);
	assert_int_equal(scram_client_final(&x->client, span_of_message(&x->server_first),
					    &x->client_final),
			 SCRAM_OK);
}

static inline enum scram_result finish_server(struct exchange *x)
{
	return scram_server_final(&x->server, span_of_message(&x->client_final), &x->server_final,
				  &x->keys);
}

static inline enum scram_result run(struct exchange *x, bool is_mock)
{
	enum scram_result result;

	start(x, is_mock);
	result = finish_server(x);
	if (result == SCRAM_OK)
		result = scram_client_verify(&x->client, span_of_message(&x->server_final));
	return result;
}

/* A client that has the keys, because PBKDF2 takes its millisecond each time. */
static inline void init_keys(struct exchange *x)
{
	struct scram_client c;

	x->verifier = verifier_of_postgres();
	scram_client_init_password(&x->client, PASSWORD);
	assert_int_equal(run(x, false), SCRAM_OK);
	scram_client_init_keys(&c, &x->keys);
	x->client = c;
}

#endif
