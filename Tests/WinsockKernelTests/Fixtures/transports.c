// The list of transports is the provider catalog's bases: `transports MANIFEST LIBRARY PREFIX` installs
// another, which no longer hides, and removes it again.
#include "check.h"

static ULONG transports(PWSK_TRANSPORT rows, SIZE_T capacity) {
    SIZE_T size = 0;
    CHECK_STATUS(npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL, 0, NULL, &size, NULL),
        STATUS_BUFFER_OVERFLOW);
    CHECK(size > 0 && size <= capacity && size % sizeof *rows == 0);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_QUERY, 0, NULL, capacity, rows, &size, NULL),
        STATUS_SUCCESS);
    return (ULONG)(size / sizeof *rows);
}

int main(int count, char **arguments) {
    char command[2048];
    WSK_TRANSPORT rows[64];
    CHECK(count == 4);
    begin_client();
    const ULONG before = transports(rows, sizeof rows);
    CHECK(before >= 4 && rows[0].AddressFamily == AF_INET && rows[0].SocketType == SOCK_STREAM);
    call change;
    begin_call(&change);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, change.irp),
        STATUS_PENDING);
    snprintf(command, sizeof command,
        "ln -sf %s %s/lib/lamina/ && sed 's/\"hidden\": true/\"hidden\": false/' %s >%s/new"
        " && mv %s/new %s/share/lamina/catalog.d/memory.json",
        arguments[2], arguments[3], arguments[1], arguments[3], arguments[3], arguments[3]);
    CHECK(system(command) == 0);
    CHECK_STATUS(wait_call(&change, STATUS_PENDING), STATUS_SUCCESS);
    const ULONG after = transports(rows, sizeof rows);
    CHECK(after > before);
    CHECK(memcmp(&rows[0].ProviderId, &rows[after - 1].ProviderId, sizeof(GUID)) != 0);
    // And gone again.
    again(&change);
    CHECK_STATUS(
        npi.Dispatch->WskControlClient(npi.Client, WSK_TRANSPORT_LIST_CHANGE, 0, NULL, 0, NULL, NULL, change.irp),
        STATUS_PENDING);
    snprintf(command, sizeof command, "rm %s/share/lamina/catalog.d/memory.json", arguments[3]);
    CHECK(system(command) == 0);
    CHECK_STATUS(wait_call(&change, STATUS_PENDING), STATUS_SUCCESS);
    CHECK(transports(rows, sizeof rows) == before);
    end_call(&change);
    end_client();
    puts("done");
    return 0;
}
