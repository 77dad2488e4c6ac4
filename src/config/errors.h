/*
 * The list of everything found wrong, as it grows while a configuration loads.
 */
#ifndef PGWEIR_CONFIG_ERRORS_H
#define PGWEIR_CONFIG_ERRORS_H

#include "config/config.h"

/* Errors told at most; behind them one line says that there are more. */
enum { ERROR_LIMIT = 100 };

/* Adds "origin: text", or only the text when origin is NULL.  The origin is
 * "pgweir.ini:12", "--set pool.size=x", "URL". */
__attribute__((format(printf, 3, 4))) void errors_add(struct config_errors *errors,
						       const char *origin, const char *format, ...);

#endif
