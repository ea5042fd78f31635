// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel

/// Rundown protection: bit 0 says that the object is going, the other bits count its users.
private enum Rundown {
    static let mutex = SystemMutex(WSK_MUTEX_RUNDOWN)
    static let lastUser = SystemCondition(WSK_CONDITION_RUNDOWN)

    static func word(_ reference: PEX_RUNDOWN_REF) -> UnsafeMutablePointer<UInt64> {
        UnsafeMutableRawPointer(reference).assumingMemoryBound(to: UInt64.self)
    }

    static func acquire(_ reference: PEX_RUNDOWN_REF, _ count: UInt64) -> Bool {
        let word = word(reference)
        while true {
            let value = clinux_load_u64(word)
            guard value & 1 == 0 else { return false }
            guard clinux_replace_u64(word, value, value + count * 2) == 0 else { break }
        }
        wsk_take_over(reference)
        return true
    }

    static func release(_ reference: PEX_RUNDOWN_REF, _ count: UInt64) {
        let word = word(reference)
        wsk_hand_over(reference)
        while true {
            let value = clinux_load_u64(word)
            guard value >= count * 2 else {
                return wsk_trap("ExReleaseRundownProtection", "the object is not held that often", nil)
            }
            guard clinux_replace_u64(word, value, value - count * 2) == 0 else {
                // The object may be gone from here on.
                if value - count * 2 == 1 { mutex.hold { lastUser.broadcast() } }
                return
            }
        }
    }

    static func wait(_ reference: PEX_RUNDOWN_REF) {
        wsk_require_irql("ExWaitForRundownProtectionRelease", UInt8(APC_LEVEL), nil)
        let word = word(reference)
        while true {
            let value = clinux_load_u64(word)
            if clinux_replace_u64(word, value, value | 1) != 0 { break }
        }
        mutex.hold {
            while clinux_load_u64(word) != 1 { lastUser.wait(mutex) }
        }
        wsk_take_over(reference)
    }
}

/// Prepares rundown protection.
@c @implementation
public func ExInitializeRundownProtection(_ reference: PEX_RUNDOWN_REF?) {
    reference.map { clinux_store_u64(Rundown.word($0), 0) }
}

/// Prepares it anew, after it has run down.
@c @implementation
public func ExReInitializeRundownProtection(_ reference: PEX_RUNDOWN_REF?) {
    reference.map { clinux_store_u64(Rundown.word($0), 0) }
}

/// Holds the object; FALSE where it is going.
@c @implementation
public func ExAcquireRundownProtection(_ reference: PEX_RUNDOWN_REF?) -> UInt8 {
    reference.map { Rundown.acquire($0, 1) ? 1 : 0 } ?? 0
}

/// Holds the object several times.
@c @implementation
public func ExAcquireRundownProtectionEx(_ reference: PEX_RUNDOWN_REF?, _ count: UInt32) -> UInt8 {
    reference.map { Rundown.acquire($0, UInt64(count)) ? 1 : 0 } ?? 0
}

/// Lets go of the object.
@c @implementation
public func ExReleaseRundownProtection(_ reference: PEX_RUNDOWN_REF?) {
    if let reference { Rundown.release(reference, 1) }
}

/// Lets go of the object several times.
@c @implementation
public func ExReleaseRundownProtectionEx(_ reference: PEX_RUNDOWN_REF?, _ count: UInt32) {
    if let reference { Rundown.release(reference, UInt64(count)) }
}

/// Lets nobody hold the object any more, and waits for those that do.
@c @implementation
public func ExWaitForRundownProtectionRelease(_ reference: PEX_RUNDOWN_REF?) {
    if let reference { Rundown.wait(reference) }
}

/// Notes that the object has run down.
@c @implementation
public func ExRundownCompleted(_ reference: PEX_RUNDOWN_REF?) {
    reference.map { clinux_store_u64(Rundown.word($0), 1) }
}
