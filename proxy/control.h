/*
 * The control thread: signals, accepting, probes, catalogue, HTTP.  It makes the
 * facts that workers route by and collects what they observed; it is never on
 * the path of a query.
 */
#ifndef PGWEIR_CONTROL_H
#define PGWEIR_CONTROL_H

#include "auth/credential.h"
#include "config/config.h"
#include "listener.h"

/* Runs until a signal ends it: SIGTERM lets open transactions finish, SIGINT
 * does not.  Takes over the listeners.  Returns the exit status. */
int control_run(struct config *config, struct credentials *users, struct listeners *listeners);

#endif
