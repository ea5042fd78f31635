// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CWinsockKernel
import Glibc

/// System time by days and hours, in the local zone, and in seconds.
private enum Calendar {
    /// From 1601 to 1970, in seconds.
    static let epoch: Int64 = 11_644_473_600
    static let unit: Int64 = 10_000_000

    /// How far the local zone is ahead at a point of system time, in units of 100 nanoseconds.
    static func zone(at time: Int64) -> Int64 {
        var seconds = Int(time / unit - epoch)
        var local = tm()
        localtime_r(&seconds, &local)
        return Int64(local.tm_gmtoff) * unit
    }
}

/// A point in time as day and hour.
@c @implementation
public func RtlTimeToTimeFields(_ time: PLARGE_INTEGER?, _ fields: PTIME_FIELDS?) {
    guard let time, let fields else { return }
    let (seconds, rest) = time.pointee.QuadPart.quotientAndRemainder(dividingBy: Calendar.unit)
    var unix = Int(seconds - Calendar.epoch)
    var parts = tm()
    gmtime_r(&unix, &parts)
    fields.pointee.Year = Int16(truncatingIfNeeded: parts.tm_year + 1900)
    fields.pointee.Month = Int16(parts.tm_mon + 1)
    fields.pointee.Day = Int16(parts.tm_mday)
    fields.pointee.Hour = Int16(parts.tm_hour)
    fields.pointee.Minute = Int16(parts.tm_min)
    fields.pointee.Second = Int16(parts.tm_sec)
    fields.pointee.Milliseconds = Int16(rest / 10_000)
    fields.pointee.Weekday = Int16(parts.tm_wday)
}

/// Day and hour as a point in time; answers whether there is such a day and hour, from 1601 on.
@c @implementation
public func RtlTimeFieldsToTime(_ fields: PTIME_FIELDS?, _ time: PLARGE_INTEGER?) -> UInt8 {
    guard let fields, let time else { return 0 }
    let given = fields.pointee
    guard given.Year >= 1601, (1...12).contains(given.Month), (1...31).contains(given.Day),
        (0...23).contains(given.Hour), (0...59).contains(given.Minute), (0...59).contains(given.Second),
        (0...999).contains(given.Milliseconds)
    else { return 0 }
    var parts = tm()
    parts.tm_year = Int32(given.Year) - 1900
    parts.tm_mon = Int32(given.Month) - 1
    parts.tm_mday = Int32(given.Day)
    parts.tm_hour = Int32(given.Hour)
    parts.tm_min = Int32(given.Minute)
    parts.tm_sec = Int32(given.Second)
    let seconds = Int64(timegm(&parts)) + Calendar.epoch
    guard parts.tm_mday == Int32(given.Day) else { return 0 }
    time.pointee.QuadPart = seconds * Calendar.unit + Int64(given.Milliseconds) * 10_000
    return 1
}

/// A point in time as the clocks of the local zone show it.
@c @implementation
public func ExSystemTimeToLocalTime(_ system: PLARGE_INTEGER?, _ local: PLARGE_INTEGER?) {
    guard let system, let local else { return }
    local.pointee.QuadPart = system.pointee.QuadPart + Calendar.zone(at: system.pointee.QuadPart)
}

/// The point in time at which the clocks of the local zone show that.
@c @implementation
public func ExLocalTimeToSystemTime(_ local: PLARGE_INTEGER?, _ system: PLARGE_INTEGER?) {
    guard let system, let local else { return }
    let near = local.pointee.QuadPart - Calendar.zone(at: local.pointee.QuadPart)
    system.pointee.QuadPart = local.pointee.QuadPart - Calendar.zone(at: near)
}

/// Seconds of Unix time; answers whether there are as many in 32 bits.
@c @implementation
public func RtlTimeToSecondsSince1970(_ time: PLARGE_INTEGER?, _ seconds: UnsafeMutablePointer<UInt32>?) -> UInt8 {
    guard let time, let exact = UInt32(exactly: time.pointee.QuadPart / Calendar.unit - Calendar.epoch)
    else { return 0 }
    seconds?.pointee = exact
    return 1
}

/// The point in time for seconds of Unix time.
@c @implementation
public func RtlSecondsSince1970ToTime(_ seconds: UInt32, _ time: PLARGE_INTEGER?) {
    time?.pointee.QuadPart = (Int64(seconds) + Calendar.epoch) * Calendar.unit
}
