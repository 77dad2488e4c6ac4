/*
 * Opens the socket of the statistics.  Asks no resolver.  Runs on the control
 * thread.
 */
#include "watch/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bind_socket(const struct addrinfo *place, int backlog)
{
	int fd = socket(place->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, failure;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, place->ai_addr, place->ai_addrlen) == 0 && listen(fd, backlog) == 0)
		return fd;
	failure = errno;
	close(fd);
	errno = failure;
	return -1;
}

/* Numeric, so that no resolver decides where the statistics are shown. */
static const char *numeric_of_address(const struct config_address *address)
{
	if (strcmp(address->host, "localhost") == 0)
		return "127.0.0.1";
	return strcmp(address->host, "*") == 0 ? "0.0.0.0" : address->host;
}

int address_listen(const struct config_address *address, int backlog, char *error,
		   size_t error_size)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *places;
	char port[16];
	int fd, failure;

	if (!address->host) {
		snprintf(error, error_size, "could not serve statistics on a Unix socket: "
					    "stats_listen must be host:port");
		return -1;
	}
	snprintf(port, sizeof(port), "%d", address->port);
	failure = getaddrinfo(numeric_of_address(address), port, &hints, &places);
	if (failure != 0) {
		snprintf(error, error_size, "could not use statistics address \"%s\": %s",
			 address->host, gai_strerror(failure));
		return -1;
	}
	fd = bind_socket(places, backlog);
	if (fd < 0)
		snprintf(error, error_size, "could not bind statistics address \"%s\", port %d: %s",
			 address->host, address->port, strerror(errno));
	freeaddrinfo(places);
	return fd;
}
