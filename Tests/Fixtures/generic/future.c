// A framework with an entry that no plug-in was compiled for: it loads one, makes a level of it, and calls that entry.
//
//     future LIBRARY NAME=VALUE…
#include "lamina_provider.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { FUTURE = LAMINA_ENTRY_COUNT + 2 };
/// Behind everything that the table of today has.
enum { OFFSET = sizeof(lamina_table) + 2 * sizeof(lamina_any_function) };

typedef lamina_status future_function(
    lamina_slot *slot, double amount, int16_t small, float part, const char *text, lamina_request *request);

static lamina_status below(
    lamina_slot *slot, double amount, int16_t small, float part, const char *text, lamina_request *request) {
    printf("below: %g %d %g %s\n", amount, small, (double)part, text);
    return lamina_complete(slot, request, 0, 5);
}

static lamina_status complete(lamina_slot *slot, lamina_request *request) {
    (void)slot;
    while (request->frame_count > 0) {
        request->frame_count -= 1;
        const lamina_frame *frame = lamina_request_frame(request, request->frame_count);
        frame->function(frame->slot, request, frame->context);
    }
    return request->status;
}

static const char *label(const lamina_slot *slot) {
    (void)slot;
    return "level";
}

static void output(lamina_slot *slot, const char *text, size_t length) {
    (void)slot;
    fwrite(text, 1, length, stdout);
}

static lamina_down *links_down(void) {
    lamina_down *down = calloc(1, sizeof *down + 3 * sizeof(lamina_link));
    if (!down) abort();
    lamina_link *links = (lamina_link *)((char *)down + offsetof(lamina_down, links));
    down->count = FUTURE + 1;
    links[FUTURE] = (lamina_link){(lamina_any_function)below, sizeof(lamina_slot)};
    return down;
}

int main(int count, char **words) {
    static const lamina_parameter parameters[] = {
        {"slot", "lamina_slot *", LAMINA_VALUE_POINTER, 0}, {"amount", "double", LAMINA_VALUE_DOUBLE, 0},
        {"small", "int16_t", LAMINA_VALUE_INT16, 0}, {"part", "float", LAMINA_VALUE_FLOAT, 0},
        {"text", "const char *", LAMINA_VALUE_POINTER, 1}, {"request", "lamina_request *", LAMINA_VALUE_POINTER, 0}};
    static const lamina_signature future = {.size = sizeof future, .table = LAMINA_SIGNATURE_ENTRY, .number = FUTURE,
        .offset = OFFSET, .classes = LAMINA_CLASS_CONTROL, .name = "future", .declaration = "future",
        .result = {"", "lamina_status", LAMINA_VALUE_INT32, 0}, .parameter_count = 6, .parameters = parameters};
    static const lamina_upcalls upcalls = {
        .size = sizeof upcalls, .complete = complete, .label = label, .output = output};
    static lamina_column column = {.upcalls = &upcalls};
    static lamina_setting settings[8];
    static lamina_slot slots[2];
    static lamina_request request;
    static char reason[256];
    if (count < 2 || count > 9) return puts("say which library, and 7 settings at most"), 1;
    void *library = dlopen(words[1], RTLD_NOW);
    if (!library) return puts(dlerror()), 1;
    for (int index = 2; index < count; index++) {
        char *value = strchr(words[index], '=');
        *value++ = 0;
        settings[index - 2] = (lamina_setting){
            .name = words[index], .count = 1, .number = atoll(value), .text = value, .text_length = strlen(value)};
    }
    const lamina_startup_function start = (lamina_startup_function)dlsym(library, "lamina_startup");
    const lamina_startup_arguments startup = {.size = sizeof startup, .upcalls = &upcalls};
    lamina_startup_result offered = {.size = sizeof offered};
    if (start(&startup, &offered) < 0) return puts("no providers"), 1;
    const lamina_instance_arguments asked = {.size = sizeof asked, .upcalls = &upcalls, .slot = slots,
        .reason = reason, .reason_capacity = sizeof reason, .settings = settings, .setting_count = (uint32_t)count - 2,
        .signatures = &future, .signature_count = 1, .signature_size = sizeof future};
    lamina_instance instance = {.size = sizeof instance};
    if (offered.providers[0]->instantiate(&asked, &instance) < 0) return puts(reason), 1;
    slots[0] = (lamina_slot){.down = links_down(), .column = &column};
    slots[1].column = &column;
    future_function *entry;
    if (instance.table->size < OFFSET + sizeof entry) return puts("the table has no such entry"), 1;
    memcpy(&entry, (const char *)instance.table + OFFSET, sizeof entry);
    lamina_request_prepare(&request, 0, 0);
    const lamina_status status = entry(&slots[0], 2.5, -7, 0.25f, "text", &request);
    printf("status %d, %llu bytes\n", status, (unsigned long long)request.bytes);
    offered.providers[0]->destroy(instance.context);
    return 0;
}
