// A cipher that turns back the first bytes of a large receive alone.
#define TURNED 4096
#include "cipher.h"

static const lamina_table table = {TABLE, .send = send_turned, .receive = receive_turned, .send_to = send_to_turned,
    .receive_from = receive_from_turned};

BROKEN("carries-data", LAMINA_EFFECT_TRANSFORM, LAMINA_ANY_CATEGORY, &table, 0)
