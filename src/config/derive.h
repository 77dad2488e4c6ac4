/*
 * What follows from the options: the lists behind the texts, the path of
 * users_file.
 */
#ifndef PGWEIR_CONFIG_DERIVE_H
#define PGWEIR_CONFIG_DERIVE_H

#include "config/settings.h"

/* Fills the derived fields, and complains of each text that is no such list. */
void derive_fields(struct config *config, const struct settings *settings,
		   const struct config_source *source);

#endif
