/*
 * The address that statistics are served at.
 */
#ifndef PGWEIR_WATCH_ADDRESS_H
#define PGWEIR_WATCH_ADDRESS_H

#include "config/config.h"

/* A listening, non-blocking socket that the caller owns, at exactly this
 * address: a numeric one, "localhost" (127.0.0.1) or "*" (every IPv4 address).
 * -1: `error` says why, for people. */
int address_listen(const struct config_address *address, int backlog, char *error,
		   size_t error_size);

#endif
