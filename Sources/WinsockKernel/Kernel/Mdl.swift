// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CWinsockKernel
import Glibc

/// IoAllocateMdl.
@c @implementation
public func wsk_allocate_mdl(
    _ address: UnsafeMutableRawPointer?,
    _ length: UInt32,
    _ isSecondary: UInt8,
    _ irp: PIRP?,
    _ caller: UnsafeRawPointer?
) -> PMDL? {
    let size = MemoryLayout<MDL>.size
    guard let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_MDL), isZeroed: true, maker: caller) else {
        return nil
    }
    let mdl = memory.bindMemory(to: MDL.self, capacity: 1)
    MmInitializeMdl(mdl, address, Int(length))
    guard let irp else { return mdl }
    if isSecondary != 0, var last = irp.pointee.MdlAddress {
        while let next = last.pointee.Next { last = next }
        last.pointee.Next = mdl
    } else {
        irp.pointee.MdlAddress = mdl
    }
    return mdl
}

/// IoFreeMdl.
@c @implementation
public func wsk_free_mdl(_ mdl: PMDL?, _ caller: UnsafeRawPointer?) {
    guard let mdl else { return }
    if mdl.pointee.MdlFlags & Int16(MDL_PAGES_LOCKED) != 0 {
        wsk_trap("IoFreeMdl", "its pages are still locked: MmUnlockPages was not called", caller)
    }
    Ledger.free(UnsafeMutableRawPointer(mdl), kind: Int(WSK_OBJECT_MDL), "IoFreeMdl", caller)
}

/// Makes one MDL describe a part of another's memory.
@c @implementation
public func IoBuildPartialMdl(_ source: PMDL?, _ target: PMDL?, _ address: UnsafeMutableRawPointer?, _ length: UInt32) {
    guard let source, let target, let address else { return }
    let start = memory(of: source)
    let offset = start.map { address - $0 } ?? 0
    let rest = Int(source.pointee.ByteCount) - offset
    guard offset >= 0, rest >= 0, Int(length) <= rest else {
        return wsk_trap("IoBuildPartialMdl", "the part lies outside of the source", nil)
    }
    MmInitializeMdl(target, address, length == 0 ? rest : Int(length))
    target.pointee.MappedSystemVa = address
    target.pointee.MdlFlags = Int16(MDL_PARTIAL | MDL_MAPPED_TO_SYSTEM_VA)
}

/// The address of an MDL's memory.
func memory(of mdl: PMDL) -> UnsafeMutableRawPointer? {
    if mdl.pointee.MdlFlags & Int16(MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        return mdl.pointee.MappedSystemVa
    }
    return mdl.pointee.StartVa.map { $0 + Int(mdl.pointee.ByteOffset) }
}

/// Says that an MDL's memory needs no lock.
@c @implementation
public func MmBuildMdlForNonPagedPool(_ mdl: PMDL?) {
    guard let mdl else { return }
    mdl.pointee.MappedSystemVa = mdl.pointee.StartVa.map { $0 + Int(mdl.pointee.ByteOffset) }
    mdl.pointee.MdlFlags |= Int16(MDL_SOURCE_IS_NONPAGED_POOL)
}

/// Locks an MDL's memory.
@c @implementation
public func MmProbeAndLockPages(_ mdl: PMDL?, _ mode: KPROCESSOR_MODE, _ operation: LOCK_OPERATION) {
    guard let mdl else { return }
    if mdl.pointee.MdlFlags & Int16(MDL_PAGES_LOCKED | MDL_SOURCE_IS_NONPAGED_POOL) != 0 {
        return wsk_trap("MmProbeAndLockPages", "the pages are locked already, or need no lock", nil)
    }
    mdl.pointee.MdlFlags |= Int16(MDL_PAGES_LOCKED)
    if operation != IoReadAccess { mdl.pointee.MdlFlags |= Int16(MDL_WRITE_OPERATION) }
}

/// Unlocks it.
@c @implementation
public func MmUnlockPages(_ mdl: PMDL?) {
    guard let mdl else { return }
    if mdl.pointee.MdlFlags & Int16(MDL_PAGES_LOCKED) == 0 {
        return wsk_trap("MmUnlockPages", "the pages are not locked", nil)
    }
    mdl.pointee.MdlFlags &= ~Int16(MDL_PAGES_LOCKED | MDL_WRITE_OPERATION | MDL_MAPPED_TO_SYSTEM_VA)
}

/// The address of an MDL's memory.
@c @implementation
public func MmMapLockedPagesSpecifyCache(
    _ mdl: PMDL?,
    _ mode: KPROCESSOR_MODE,
    _ cache: MEMORY_CACHING_TYPE,
    _ address: UnsafeMutableRawPointer?,
    _ bugCheck: UInt32,
    _ priority: UInt32
) -> UnsafeMutableRawPointer? {
    guard let mdl else { return nil }
    mdl.pointee.MappedSystemVa = memory(of: mdl)
    mdl.pointee.MdlFlags |= Int16(MDL_MAPPED_TO_SYSTEM_VA)
    return mdl.pointee.MappedSystemVa
}

/// Ends a mapping.
@c @implementation
public func MmUnmapLockedPages(_ address: UnsafeMutableRawPointer?, _ mdl: PMDL?) {
    mdl?.pointee.MdlFlags &= ~Int16(MDL_MAPPED_TO_SYSTEM_VA)
}

/// The bytes of an MDL.
@c @implementation
public func MmSizeOfMdl(_ base: UnsafeMutableRawPointer?, _ length: Int) -> Int {
    MemoryLayout<MDL>.size
}
