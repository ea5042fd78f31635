// A cipher that lets lists of messages out in the clear.
#include "cipher.h"

static lamina_status send_clear(
    lamina_slot *slot, lamina_message *messages, uint32_t count, uint32_t flags, lamina_request *request) {
    return lamina_send_messages(slot, messages, count, flags, request);
}

static const lamina_table table = {TABLE, .send = send_turned, .receive = receive_turned, .send_to = send_to_turned,
    .receive_from = receive_from_turned, .send_messages = send_clear};

BROKEN("no-bypass", LAMINA_EFFECT_TRANSFORM, LAMINA_ANY_CATEGORY, &table, 0)
