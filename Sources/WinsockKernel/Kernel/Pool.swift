// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CWinsockKernel
import Glibc

/// ExAllocatePoolWithTag, ExAllocatePool2 and ExAllocatePoolZero.
@c @implementation
public func wsk_allocate_pool(
    _ bytes: Int,
    _ tag: UInt32,
    _ isZeroed: UInt8,
    _ caller: UnsafeRawPointer?
) -> UnsafeMutableRawPointer? {
    Ledger.allocate(bytes, kind: Int(WSK_OBJECT_POOL), tag: tag, isZeroed: isZeroed != 0, maker: caller)
}

/// ExFreePoolWithTag.
@c @implementation
public func wsk_free_pool(_ memory: UnsafeMutableRawPointer?, _ tag: UInt32, _ caller: UnsafeRawPointer?) {
    guard let memory else { return }
    Ledger.free(memory, kind: Int(WSK_OBJECT_POOL), "ExFreePool", caller)
}

/// A number that is hard to guess.
@c @implementation
public func RtlRandomEx(_ seed: UnsafeMutablePointer<UInt32>?) -> UInt32 {
    let value = UInt32.random(in: 0...0x7fff_ffff)
    seed?.pointee = value
    return value
}
