// An extension of a vendor's, which a generic layer knows by its declaration alone.
#ifndef VENDOR_H
#define VENDOR_H

#include "lamina_provider.h"

#define VENDOR "0b0f7e0a-53f3-4d5e-9c5b-7a6d50a0c006"

/// The table that the vendor's level answers.
struct vendor_functions {
    uint64_t (*count)(void *context, const void *bytes, uint32_t length, uint32_t flags, void *more);
    double (*scale)(void *context, double value, float by, uint32_t flags, void *more);
};

#endif
