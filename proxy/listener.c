/*
 * Listening sockets (listener.h).  When the process has no descriptor left it
 * stops accepting for a moment: a ready listener that cannot be served must not
 * spin, and is no node's failure.
 */
#include "listener.h"

#include "base/ensure.h"
#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SOCKETS_MAX = 64,
	BACKLOG = 4096,
	ACCEPTS_PER_TURN = 64,
	PAUSE_MS = 100,
	KEEPALIVE_IDLE_S = 60,
	UNIX_MODE = 0660,
};

struct listener {
	struct loop_io io; /* first */
	struct listeners *all;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a Unix socket */
};

struct listeners {
	struct loop *loop; /* NULL: not started */
	struct loop_timer pause;
	on_client *on_client;
	void *context;
	int count;
	struct listener sockets[SOCKETS_MAX];
};

/* --- accepting --- */

static void watch_all(struct listeners *all, int events)
{
	for (int i = 0; i < all->count; i++)
		loop_io_watch(all->loop, &all->sockets[i].io, events);
}

static void on_pause_end(struct loop_timer *timer)
{
	struct listeners *all =
		(struct listeners *)((char *)timer - offsetof(struct listeners, pause));

	watch_all(all, LOOP_READ);
}

static void pause_accepting(struct listeners *all)
{
	log_warning("could not accept a connection: %s; trying again in %d ms", strerror(errno),
		    PAUSE_MS);
	watch_all(all, 0);
	loop_timer_start(all->loop, &all->pause, PAUSE_MS, 0);
}

static bool is_peers_fault(int error)
{
	return error == ECONNABORTED || error == EPROTO || error == EINTR || error == EPERM;
}

static void set_options(int fd)
{
	int on = 1, idle = KEEPALIVE_IDLE_S;

	/* Best effort, and refused on Unix sockets. */
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

static void on_ready(struct loop_io *io, int events)
{
	struct listener *l = (struct listener *)io;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(io->ev.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			set_options(fd);
			l->all->on_client(l->all->context, fd);
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return;
		if (!is_peers_fault(errno)) {
			pause_accepting(l->all);
			return;
		}
	}
}

/* --- opening --- */

static bool add(struct listeners *all, int fd, const char *path)
{
	struct listener *l;

	if (all->count == SOCKETS_MAX || listen(fd, BACKLOG) < 0) {
		if (all->count == SOCKETS_MAX)
			errno = EMFILE;
		close(fd);
		return false;
	}
	l = &all->sockets[all->count++];
	l->all = all;
	snprintf(l->path, sizeof l->path, "%s", path ? path : "");
	loop_io_init(&l->io, fd, on_ready);
	return true;
}

static bool open_one(struct listeners *all, const struct addrinfo *a)
{
	int on = 1;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (a->ai_family == AF_INET6)
		(void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return false;
	}
	return add(all, fd, NULL);
}

static bool open_tcp(struct listeners *all, const struct config_address *address, char *error,
		     size_t error_size)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	const char *host = strcmp(address->host, "*") == 0 ? NULL : address->host;
	struct addrinfo *found, *a;
	char port[8];
	bool opened = false;
	int result;

	snprintf(port, sizeof port, "%d", address->port);
	result = getaddrinfo(host, port, &hints, &found);
	if (result != 0) {
		snprintf(error, error_size, "could not resolve \"%s\": %s", address->host,
			 gai_strerror(result));
		return false;
	}
	for (a = found; a; a = a->ai_next)
		opened |= open_one(all, a);
	if (!opened)
		snprintf(error, error_size, "could not listen on %s:%d: %s", address->host,
			 address->port, strerror(errno));
	freeaddrinfo(found);
	return opened;
}

/* A socket file that nobody listens at is left over from a crash. */
static bool is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused;

	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 &&
		  errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static bool open_unix(struct listeners *all, const struct config_address *address, char *error,
		      size_t error_size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int length = snprintf(sun.sun_path, sizeof sun.sun_path, "%s/.s.PGSQL.%d",
			      address->directory, address->port);
	int fd;

	if (length >= (int)sizeof sun.sun_path) {
		snprintf(error, error_size, "the socket path in \"%s\" is too long",
			 address->directory);
		return false;
	}
	if (is_stale(&sun))
		unlink(sun.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0 &&
	    chmod(sun.sun_path, UNIX_MODE) == 0)
		return add(all, fd, sun.sun_path);
	snprintf(error, error_size, "could not listen on \"%s\": %s", sun.sun_path,
		 strerror(errno));
	if (fd >= 0)
		close(fd);
	return false;
}

struct listeners *listeners_open(const struct config *config, char *error, size_t error_size)
{
	struct listeners *all = memory_get_zeroed(sizeof *all);

	for (int i = 0; i < config->listen_count; i++) {
		const struct config_address *address = &config->listen[i];
		bool opened = address->host ? open_tcp(all, address, error, error_size)
					    : open_unix(all, address, error, error_size);

		if (!opened) {
			listeners_close(all);
			return NULL;
		}
	}
	return all;
}

void listeners_start(struct listeners *all, struct loop *loop, on_client *callback, void *context)
{
	all->loop = loop;
	all->on_client = callback;
	all->context = context;
	loop_timer_init(&all->pause, on_pause_end);
	watch_all(all, LOOP_READ);
}

void listeners_close(struct listeners *all)
{
	for (int i = 0; i < all->count; i++) {
		if (all->loop)
			loop_io_watch(all->loop, &all->sockets[i].io, 0);
		close(all->sockets[i].io.ev.fd);
		if (all->sockets[i].path[0])
			unlink(all->sockets[i].path);
	}
	if (all->loop)
		loop_timer_stop(all->loop, &all->pause);
	free(all);
}
