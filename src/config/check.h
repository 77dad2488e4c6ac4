/*
 * What no option can say alone: what must be set, what is not built so far.
 */
#ifndef PGWEIR_CONFIG_CHECK_H
#define PGWEIR_CONFIG_CHECK_H

#include "config/settings.h"

/* Complains of everything; changes nothing. */
void check_config(const struct config *config, const struct settings *settings,
		  const struct config_source *source);

#endif
