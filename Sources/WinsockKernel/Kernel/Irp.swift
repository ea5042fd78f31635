// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
import CLinux
public import CWinsockKernel
import Glibc
import Lamina

/// IRPs: who owns one, and how its completion routines run.
enum Irps {
    /// Whether the IRP can be used by a client; a trap where it can't.
    static func check(_ irp: PIRP, _ function: String, _ caller: UnsafeRawPointer? = nil) -> Bool {
        let operation = wsk_operation_of(irp)
        guard operation?.pointee.magic == WSK_IRP_MAGIC else {
            let isGone = operation?.pointee.magic == WSK_IRP_GONE
            wsk_trap(function, isGone ? "the IRP was freed" : "the IRP was never initialized", caller)
            return false
        }
        return true
    }

    /// Runs the routines from the current location up, as long as they let the completion go on.
    static func unwind(_ irp: PIRP) {
        while irp.pointee.CurrentLocation <= irp.pointee.StackCount,
            let location = irp.pointee.Tail.Overlay.CurrentStackLocation
        {
            let control = location.pointee.Control
            irp.pointee.PendingReturned = control & UInt8(SL_PENDING_RETURNED) != 0 ? 1 : 0
            irp.pointee.CurrentLocation += 1
            irp.pointee.Tail.Overlay.CurrentStackLocation = location + 1
            let isTop = irp.pointee.CurrentLocation > irp.pointee.StackCount
            if location.pointee.CompletionRoutine != nil, wants(control, irp) {
                let device = isTop ? nil : (location + 1).pointee.DeviceObject
                if wsk_call_completion(location, device, irp) == STATUS_MORE_PROCESSING_REQUIRED { return }
            } else if irp.pointee.PendingReturned != 0, !isTop {
                (location + 1).pointee.Control |= UInt8(SL_PENDING_RETURNED)
            }
            if isTop {
                return wsk_trap(
                    "IoCompleteRequest",
                    "the completion routine of an IRP that the driver allocated must answer "
                        + "STATUS_MORE_PROCESSING_REQUIRED, or there is none for this status",
                    unsafeBitCast(location.pointee.CompletionRoutine, to: UnsafeRawPointer?.self)
                )
            }
        }
    }

    private static func wants(_ control: UInt8, _ irp: PIRP) -> Bool {
        if irp.pointee.Cancel != 0, control & UInt8(SL_INVOKE_ON_CANCEL) != 0 { return true }
        let flag = irp.pointee.IoStatus.Status >= 0 ? SL_INVOKE_ON_SUCCESS : SL_INVOKE_ON_ERROR
        return control & UInt8(flag) != 0
    }
}

/// IoAllocateIrp.
@c @implementation
public func wsk_allocate_irp(_ stackSize: CChar, _ caller: UnsafeRawPointer?) -> PIRP? {
    guard stackSize > 0 else { return nil }
    let size = MemoryLayout<IRP>.size + Int(stackSize) * MemoryLayout<IO_STACK_LOCATION>.size
    guard let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_IRP), maker: caller) else { return nil }
    let irp = memory.bindMemory(to: IRP.self, capacity: 1)
    IoInitializeIrp(irp, UInt16(size), stackSize)
    return irp
}

/// IoFreeIrp.
@c @implementation
public func wsk_free_irp(_ irp: PIRP?, _ caller: UnsafeRawPointer?) {
    guard let irp, Irps.check(irp, "IoFreeIrp", caller), let operation = wsk_operation_of(irp) else { return }
    if clinux_load_u32(&operation.pointee.owner) != UInt32(WSK_OWNER_CLIENT) {
        return wsk_trap("IoFreeIrp", "a request of the IRP is still under way", caller)
    }
    operation.pointee.magic = WSK_IRP_GONE
    Ledger.free(UnsafeMutableRawPointer(irp), kind: Int(WSK_OBJECT_IRP), "IoFreeIrp", caller)
}

/// Prepares memory as an IRP.
@c @implementation
public func IoInitializeIrp(_ irp: PIRP?, _ packetSize: UInt16, _ stackSize: CChar) {
    guard let irp else { return }
    let needed = MemoryLayout<IRP>.size + Int(stackSize) * MemoryLayout<IO_STACK_LOCATION>.size
    guard Int(packetSize) >= needed, stackSize > 0 else {
        return wsk_trap("IoInitializeIrp", "the packet is too small for its stack locations", nil)
    }
    let head = (MemoryLayout<IRP>.offset(of: \.RunTime) ?? 0) + (MemoryLayout<wsk_operation>.offset(of: \.message) ?? 0)
    memset(irp, 0, head)
    memset(wsk_locations(irp), 0, Int(stackSize) * MemoryLayout<IO_STACK_LOCATION>.size)
    irp.pointee.`Type` = Int16(IO_TYPE_IRP)
    irp.pointee.Size = packetSize
    irp.pointee.StackCount = stackSize
    irp.pointee.CurrentLocation = stackSize + 1
    irp.pointee.Tail.Overlay.CurrentStackLocation = wsk_locations(irp) + Int(stackSize)
    wsk_operation_of(irp).pointee.magic = WSK_IRP_MAGIC
}

/// Ends an IRP in the caller's memory.
@c @implementation
public func IoCleanupIrp(_ irp: PIRP?) {
    guard let irp, Irps.check(irp, "IoCleanupIrp") else { return }
    wsk_operation_of(irp).pointee.magic = WSK_IRP_GONE
}

/// Prepares an IRP for its next request.
@c @implementation
public func IoReuseIrp(_ irp: PIRP?, _ status: NTSTATUS) {
    guard let irp, Irps.check(irp, "IoReuseIrp"), let operation = wsk_operation_of(irp) else { return }
    if clinux_load_u32(&operation.pointee.owner) != UInt32(WSK_OWNER_CLIENT) {
        return wsk_trap("IoReuseIrp", "a request of the IRP is still under way", nil)
    }
    let (size, count) = (irp.pointee.Size, irp.pointee.StackCount)
    IoInitializeIrp(irp, size, count)
    irp.pointee.IoStatus.Status = status
}

/// Cancels a request.
@c @implementation
public func IoCancelIrp(_ irp: PIRP?) -> UInt8 {
    guard let irp, Irps.check(irp, "IoCancelIrp"), let operation = wsk_operation_of(irp) else { return 0 }
    irp.pointee.Cancel = 1
    if clinux_load_u32(&operation.pointee.owner) == UInt32(WSK_OWNER_PROVIDER) {
        return ListChanges.cancel(irp) || Requests.cancel(&operation.pointee.request) ? 1 : 0
    }
    var level: UInt8 = 0
    IoAcquireCancelSpinLock(&level)
    guard let routine = irp.pointee.CancelRoutine else {
        IoReleaseCancelSpinLock(level)
        return 0
    }
    // The routine releases the cancel lock.
    irp.pointee.CancelRoutine = nil
    irp.pointee.CancelIrql = level
    let isSent = irp.pointee.CurrentLocation <= irp.pointee.StackCount
    routine(isSent ? IoGetCurrentIrpStackLocation(irp).pointee.DeviceObject : nil, irp)
    return 1
}

/// Ends a request that the caller holds.
@c @implementation
public func IofCompleteRequest(_ irp: PIRP?, _ boost: CChar) {
    guard let irp, Irps.check(irp, "IoCompleteRequest"), let operation = wsk_operation_of(irp) else { return }
    if clinux_load_u32(&operation.pointee.owner) != UInt32(WSK_OWNER_CLIENT) {
        return wsk_trap("IoCompleteRequest", "a socket's request of the IRP is under way, and completes it", nil)
    }
    if irp.pointee.CurrentLocation > irp.pointee.StackCount {
        return wsk_trap("IoCompleteRequest", "the IRP has completed already, or was never sent anywhere", nil)
    }
    Irps.unwind(irp)
}
