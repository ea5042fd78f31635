/// Drivers and their devices.
#ifndef WSK_DRIVER_H
#define WSK_DRIVER_H

#include "wsk_irp.h"
#include "wsk_registry.h"

EXTERN_C_START

typedef struct _DRIVER_OBJECT DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _FILE_OBJECT FILE_OBJECT, *PFILE_OBJECT;

typedef NTSTATUS DRIVER_INITIALIZE(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath);
typedef DRIVER_INITIALIZE *PDRIVER_INITIALIZE;
typedef VOID DRIVER_UNLOAD(PDRIVER_OBJECT DriverObject);
typedef DRIVER_UNLOAD *PDRIVER_UNLOAD;
typedef NTSTATUS DRIVER_DISPATCH(PDEVICE_OBJECT DeviceObject, PIRP Irp);
typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
typedef NTSTATUS DRIVER_ADD_DEVICE(PDRIVER_OBJECT DriverObject, PDEVICE_OBJECT PhysicalDeviceObject);
typedef DRIVER_ADD_DEVICE *PDRIVER_ADD_DEVICE;

#define IRP_MJ_CREATE 0x00
#define IRP_MJ_CLOSE 0x02
#define IRP_MJ_READ 0x03
#define IRP_MJ_WRITE 0x04
#define IRP_MJ_DEVICE_CONTROL 0x0e
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0f
#define IRP_MJ_SHUTDOWN 0x10
#define IRP_MJ_CLEANUP 0x12
#define IRP_MJ_POWER 0x16
#define IRP_MJ_SYSTEM_CONTROL 0x17
#define IRP_MJ_PNP 0x1b
#define IRP_MJ_MAXIMUM_FUNCTION 0x1b

typedef ULONG DEVICE_TYPE;

typedef struct _DRIVER_EXTENSION {
    PDRIVER_OBJECT DriverObject;
    PDRIVER_ADD_DEVICE AddDevice;
    ULONG Count;
    UNICODE_STRING ServiceKeyName;
} DRIVER_EXTENSION, *PDRIVER_EXTENSION;

/// A loaded driver: DriverEntry fills in what is to be called.
struct _DRIVER_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PVOID FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PVOID DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
};

struct _DEVICE_OBJECT {
    CSHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    PDRIVER_OBJECT DriverObject;
    PDEVICE_OBJECT NextDevice;
    PDEVICE_OBJECT AttachedDevice;
    PIRP CurrentIrp;
    ULONG Flags;
    ULONG Characteristics;
    PVOID DeviceExtension;
    ULONG DeviceType;
    CCHAR StackSize;
};

struct _FILE_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PVOID FsContext;
    PVOID FsContext2;
};

#define DO_BUFFERED_IO 0x00000004
#define DO_EXCLUSIVE 0x00000008
#define DO_DIRECT_IO 0x00000010
#define DO_DEVICE_INITIALIZING 0x00000080
#define FILE_DEVICE_UNKNOWN 0x00000022
#define FILE_DEVICE_NETWORK 0x00000012
#define FILE_DEVICE_SECURE_OPEN 0x00000100
#define METHOD_BUFFERED 0
#define METHOD_IN_DIRECT 1
#define METHOD_OUT_DIRECT 2
#define METHOD_NEITHER 3
#define FILE_ANY_ACCESS 0
#define FILE_READ_ACCESS 1
#define FILE_WRITE_ACCESS 2
#define CTL_CODE(type, function, method, access) (((type) << 16) | ((access) << 14) | ((function) << 2) | (method))

/// Makes a device of the driver, with `DeviceExtensionSize` zeroed bytes. No program can open it.
#define IoCreateDeviceSecure(driver, extension, name, type, characteristics, exclusive, descriptor, guid, device)       \
    IoCreateDevice(driver, extension, name, type, characteristics, exclusive, device)
NTSTATUS IoCreateDevice(PDRIVER_OBJECT DriverObject, ULONG DeviceExtensionSize, PUNICODE_STRING DeviceName,
    ULONG DeviceType, ULONG DeviceCharacteristics, BOOLEAN Exclusive, PDEVICE_OBJECT *DeviceObject);
VOID IoDeleteDevice(PDEVICE_OBJECT DeviceObject);

/// Names of devices: kept nowhere, since there is nobody to open them.
WSK_INLINE NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING SymbolicLinkName, PUNICODE_STRING DeviceName) {
    (void)SymbolicLinkName;
    (void)DeviceName;
    return STATUS_SUCCESS;
}

WSK_INLINE NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING SymbolicLinkName) {
    (void)SymbolicLinkName;
    return STATUS_SUCCESS;
}

/// Other drivers' devices: there are none.
WSK_INLINE NTSTATUS IoGetDeviceObjectPointer(
    PUNICODE_STRING ObjectName, ACCESS_MASK DesiredAccess, PFILE_OBJECT *FileObject, PDEVICE_OBJECT *DeviceObject) {
    (void)ObjectName;
    (void)DesiredAccess;
    *FileObject = NULL;
    *DeviceObject = NULL;
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

/// Accepted: a program that ends unloads its drivers.
WSK_INLINE NTSTATUS IoRegisterShutdownNotification(PDEVICE_OBJECT DeviceObject) {
    (void)DeviceObject;
    return STATUS_SUCCESS;
}
WSK_INLINE VOID IoUnregisterShutdownNotification(PDEVICE_OBJECT DeviceObject) { (void)DeviceObject; }

// The system's version, as the newest one that the interface follows.

typedef struct _OSVERSIONINFOW {
    ULONG dwOSVersionInfoSize;
    ULONG dwMajorVersion;
    ULONG dwMinorVersion;
    ULONG dwBuildNumber;
    ULONG dwPlatformId;
    WCHAR szCSDVersion[128];
} OSVERSIONINFOW, *POSVERSIONINFOW, *LPOSVERSIONINFOW, RTL_OSVERSIONINFOW, *PRTL_OSVERSIONINFOW;
typedef struct _OSVERSIONINFOEXW {
    ULONG dwOSVersionInfoSize;
    ULONG dwMajorVersion;
    ULONG dwMinorVersion;
    ULONG dwBuildNumber;
    ULONG dwPlatformId;
    WCHAR szCSDVersion[128];
    USHORT wServicePackMajor;
    USHORT wServicePackMinor;
    USHORT wSuiteMask;
    UCHAR wProductType;
    UCHAR wReserved;
} OSVERSIONINFOEXW, *POSVERSIONINFOEXW, *LPOSVERSIONINFOEXW, RTL_OSVERSIONINFOEXW, *PRTL_OSVERSIONINFOEXW;
#define VER_NT_WORKSTATION 1
#define VER_NT_DOMAIN_CONTROLLER 2
#define VER_NT_SERVER 3

WSK_INLINE NTSTATUS RtlGetVersion(POSVERSIONINFOW VersionInformation) {
    VersionInformation->dwMajorVersion = 10;
    VersionInformation->dwMinorVersion = 0;
    VersionInformation->dwBuildNumber = 22000;
    VersionInformation->dwPlatformId = 2;
    VersionInformation->szCSDVersion[0] = 0;
    if (VersionInformation->dwOSVersionInfoSize >= sizeof(OSVERSIONINFOEXW)) {
        POSVERSIONINFOEXW more = (POSVERSIONINFOEXW)(PVOID)VersionInformation;
        more->wServicePackMajor = more->wServicePackMinor = more->wSuiteMask = 0;
        more->wProductType = VER_NT_SERVER;
        more->wReserved = 0;
    }
    return STATUS_SUCCESS;
}
WSK_INLINE BOOLEAN RtlIsNtDdiVersionAvailable(ULONG Version) { return Version <= NTDDI_VERSION; }

// Remove locks: users hold the object, its owner waits until the last one has let go.

typedef struct _IO_REMOVE_LOCK {
    EX_RUNDOWN_REF Users;
} IO_REMOVE_LOCK, *PIO_REMOVE_LOCK;

#define IoInitializeRemoveLock(lock, tag, minutes, most) ExInitializeRundownProtection(&(lock)->Users)
WSK_INLINE NTSTATUS IoAcquireRemoveLock(PIO_REMOVE_LOCK RemoveLock, PVOID Tag) {
    (void)Tag;
    return ExAcquireRundownProtection(&RemoveLock->Users) ? STATUS_SUCCESS : STATUS_DELETE_PENDING;
}
WSK_INLINE VOID IoReleaseRemoveLock(PIO_REMOVE_LOCK RemoveLock, PVOID Tag) {
    (void)Tag;
    ExReleaseRundownProtection(&RemoveLock->Users);
}
WSK_INLINE VOID IoReleaseRemoveLockAndWait(PIO_REMOVE_LOCK RemoveLock, PVOID Tag) {
    IoReleaseRemoveLock(RemoveLock, Tag);
    ExWaitForRundownProtectionRelease(&RemoveLock->Users);
}

EXTERN_C_END

#endif
