// Bugs that a sanitizer must see although the memory and the threads are the run time's.
#include <ntddk.h>
#include <stdio.h>

static KEVENT go;
static ULONG shared;
static LONG started;

static VOID race(PVOID context) {
    UNREFERENCED_PARAMETER(context);
    KeWaitForSingleObject(&go, Executive, KernelMode, FALSE, NULL);
    WriteNoFence(&started, 1);
    shared++;
}

int main(int count, char **arguments) {
    HANDLE handle;
    PVOID thread;
    UCHAR *bytes = (UCHAR *)ExAllocatePool2(POOL_FLAG_NON_PAGED, 10, 'dees');
    if (count < 2) {
        return 2;
    }
    switch (arguments[1][0]) {
    case 'u':
        ExFreePool(bytes);
        return bytes[3];
    case 'o': return bytes[10 + (UCHAR)bytes[0]];
    case 'r':
        KeInitializeEvent(&go, NotificationEvent, FALSE);
        PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, race, NULL);
        ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KernelMode, &thread, NULL);
        KeSetEvent(&go, IO_NO_INCREMENT, FALSE);
        // Both run, and nothing orders them.
        while (!ReadNoFence(&started)) {
        }
        shared++;
        KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
        // Ordered by the wait: no report for this one.
        shared++;
        ObDereferenceObject(thread);
        ZwClose(handle);
    }
    ExFreePool(bytes);
    return 0;
}
