/// How a plug-in over the Swift SDK is started: what LaminaProvider and the library that it is linked into say to each other.
#ifndef LAMINA_PLUGIN_H
#define LAMINA_PLUGIN_H

#include "lamina_provider.h"

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

/// The library's own: says by LaminaProvider's `offer` what it has. Runs once, at start-up.
void lamina_plugin(void);

/// LaminaProvider's: answers what the library offered.
lamina_status lamina_provider_startup(const lamina_startup_arguments *startup_arguments, lamina_startup_result *result);

LAMINA_NONNULL_END
LAMINA_C_END

#endif
