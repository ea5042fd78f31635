#include "lamina_plugin.h"

// The start-up symbol of every library over the SDK. A library that has one of its own keeps that, and then offers nothing
// by `lamina_plugin`: both are weak.

__attribute__((weak)) LAMINA_EXPORT lamina_status lamina_startup(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result) {
    return lamina_provider_startup(startup_arguments, result);
}

__attribute__((weak)) void lamina_plugin(void) {}
