// The public functions that note who called them: a leak is reported with the place where it was made, a trap with the
// place that made it.
#include "wsk_internal.h"

#define CALLER __builtin_return_address(0)

PIRP IoAllocateIrp(CCHAR stack_size, BOOLEAN quota) {
    (void)quota;
    WSK_OWN_CODE;
    return wsk_allocate_irp(stack_size, CALLER);
}

VOID IoFreeIrp(PIRP irp) {
    WSK_OWN_CODE;
    wsk_free_irp(irp, CALLER);
}

PMDL IoAllocateMdl(PVOID address, ULONG length, BOOLEAN is_secondary, BOOLEAN quota, PIRP irp) {
    (void)quota;
    WSK_OWN_CODE;
    return wsk_allocate_mdl(address, length, is_secondary, irp, CALLER);
}

VOID IoFreeMdl(PMDL mdl) {
    WSK_OWN_CODE;
    wsk_free_mdl(mdl, CALLER);
}

PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    WSK_OWN_CODE;
    return wsk_allocate_pool(bytes, tag, ((int)type & POOL_ZERO_ALLOCATION) != 0, CALLER);
}

PVOID ExAllocatePool2(POOL_FLAGS flags, SIZE_T bytes, ULONG tag) {
    WSK_OWN_CODE;
    return wsk_allocate_pool(bytes, tag, !(flags & POOL_FLAG_UNINITIALIZED), CALLER);
}

PVOID ExAllocatePoolZero(POOL_TYPE type, SIZE_T bytes, ULONG tag) {
    (void)type;
    WSK_OWN_CODE;
    return wsk_allocate_pool(bytes, tag, TRUE, CALLER);
}

VOID ExFreePoolWithTag(PVOID memory, ULONG tag) {
    WSK_OWN_CODE;
    wsk_free_pool(memory, tag, CALLER);
}

NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING target, PCANSI_STRING source, BOOLEAN allocates) {
    WSK_OWN_CODE;
    return wsk_to_unicode(target, source, allocates, CALLER);
}

NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING target, PCUNICODE_STRING source, BOOLEAN allocates) {
    WSK_OWN_CODE;
    return wsk_to_ansi(target, source, allocates, CALLER);
}

NTSTATUS RtlUpcaseUnicodeString(PUNICODE_STRING target, PCUNICODE_STRING source, BOOLEAN allocates) {
    WSK_OWN_CODE;
    return wsk_change_case(target, source, allocates, TRUE, CALLER);
}

NTSTATUS RtlDowncaseUnicodeString(PUNICODE_STRING target, PCUNICODE_STRING source, BOOLEAN allocates) {
    WSK_OWN_CODE;
    return wsk_change_case(target, source, allocates, FALSE, CALLER);
}

BOOLEAN RtlCreateUnicodeString(PUNICODE_STRING target, PCWSTR source) {
    WSK_OWN_CODE;
    return wsk_create_unicode(target, source, CALLER);
}

NTSTATUS RtlStringFromGUID(REFGUID guid, PUNICODE_STRING target) {
    WSK_OWN_CODE;
    return wsk_guid_text(guid, target, CALLER);
}

VOID RtlFreeUnicodeString(PUNICODE_STRING text) {
    WSK_OWN_CODE;
    wsk_free_unicode(text, CALLER);
}

VOID RtlFreeAnsiString(PANSI_STRING text) {
    WSK_OWN_CODE;
    wsk_free_ansi(text, CALLER);
}

PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT device) {
    WSK_OWN_CODE;
    return wsk_allocate_work_item(device, CALLER);
}

NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access, POBJECT_ATTRIBUTES attributes, HANDLE process,
    PCLIENT_ID client, PKSTART_ROUTINE start, PVOID context) {
    (void)access;
    (void)attributes;
    (void)process;
    if (client) {
        client->UniqueProcess = PsGetCurrentProcessId();
        client->UniqueThread = NULL;
    }
    WSK_OWN_CODE;
    return wsk_create_thread(handle, start, context, CALLER);
}

NTSTATUS IoCreateDevice(PDRIVER_OBJECT driver, ULONG extension, PUNICODE_STRING name, ULONG type, ULONG characteristics,
    BOOLEAN is_exclusive, PDEVICE_OBJECT *device) {
    (void)name;
    (void)is_exclusive;
    WSK_OWN_CODE;
    return wsk_create_device(driver, extension, type, characteristics, device, CALLER);
}

NTSTATUS KeWaitForSingleObject(
    PVOID object, KWAIT_REASON reason, KPROCESSOR_MODE mode, BOOLEAN is_alertable, PLARGE_INTEGER timeout) {
    (void)reason;
    (void)mode;
    (void)is_alertable;
    WSK_OWN_CODE;
    return wsk_wait(1, &object, WaitAny, timeout, CALLER);
}

NTSTATUS KeWaitForMultipleObjects(ULONG count, PVOID objects[], WAIT_TYPE type, KWAIT_REASON reason,
    KPROCESSOR_MODE mode, BOOLEAN is_alertable, PLARGE_INTEGER timeout, PKWAIT_BLOCK blocks) {
    (void)reason;
    (void)mode;
    (void)is_alertable;
    (void)blocks;
    WSK_OWN_CODE;
    return wsk_wait(count, objects, type, timeout, CALLER);
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN is_alertable, PLARGE_INTEGER interval) {
    (void)mode;
    (void)is_alertable;
    WSK_OWN_CODE;
    return wsk_delay(interval, CALLER);
}

NTSTATUS WskRegister(PWSK_CLIENT_NPI npi, PWSK_REGISTRATION registration) {
    WSK_OWN_CODE;
    return wsk_register(npi, registration, CALLER);
}

VOID WskDeregister(PWSK_REGISTRATION registration) {
    WSK_OWN_CODE;
    wsk_deregister(registration, CALLER);
}

NTSTATUS WskDeregisterWithin(PWSK_REGISTRATION registration, ULONG milliseconds, BOOLEAN force) {
    WSK_OWN_CODE;
    return wsk_deregister_within(registration, milliseconds, force, CALLER);
}

NTSTATUS WskCaptureProviderNPI(PWSK_REGISTRATION registration, ULONG milliseconds, PWSK_PROVIDER_NPI npi) {
    WSK_OWN_CODE;
    return wsk_capture(registration, milliseconds, npi, CALLER);
}
