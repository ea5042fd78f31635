// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLinux
public import CWinsockKernel
import Glibc

/// System time, in units of 100 nanoseconds since 1601.
@c @implementation
public func KeQuerySystemTimePrecise(_ time: PLARGE_INTEGER?) {
    time?.pointee.QuadPart = KernelTime.system
}

/// Time since boot, in units of 100 nanoseconds.
@c @implementation
public func KeQueryInterruptTime() -> UInt64 {
    UInt64(clinux_monotonic() / 100)
}

/// Time since boot, with the performance counter at the same moment.
@c @implementation
public func KeQueryInterruptTimePrecise(_ counter: UnsafeMutablePointer<UInt64>?) -> UInt64 {
    let now = clinux_monotonic()
    counter?.pointee = UInt64(now)
    return UInt64(now / 100)
}

/// The performance counter, in nanoseconds.
@c @implementation
public func KeQueryPerformanceCounter(_ frequency: PLARGE_INTEGER?) -> LARGE_INTEGER {
    frequency?.pointee.QuadPart = 1_000_000_000
    var counter = LARGE_INTEGER()
    counter.QuadPart = clinux_monotonic()
    return counter
}

/// The length of a tick, in units of 100 nanoseconds.
@c @implementation
public func KeQueryTimeIncrement() -> UInt32 {
    156_250
}

/// Ticks since boot.
@c @implementation
public func WskQueryTickCount(_ count: PLARGE_INTEGER?) {
    count?.pointee.QuadPart = clinux_monotonic() / 100 / Int64(KeQueryTimeIncrement())
}

/// Keeps the processor busy for so long.
@c @implementation
public func KeStallExecutionProcessor(_ microseconds: UInt32) {
    let end = clinux_monotonic() + Int64(microseconds) * 1000
    while clinux_monotonic() < end {}
}
