// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CWinsockKernel
import Glibc

// Other forms of counted strings: capitals, copies, numbers and GUIDs.

extension Strings {
    static func downcase(_ unit: UInt16) -> UInt16 {
        guard let scalar = Unicode.Scalar(UInt32(unit)) else { return unit }
        let lower = scalar.properties.lowercaseMapping.utf16
        return lower.count == 1 ? lower.first ?? unit : unit
    }
}

/// The small form of a character.
@c @implementation
public func RtlDowncaseUnicodeChar(_ character: UInt16) -> UInt16 {
    Strings.downcase(character)
}

/// RtlUpcaseUnicodeString and RtlDowncaseUnicodeString.
@c @implementation
public func wsk_change_case(
    _ target: PUNICODE_STRING?,
    _ source: UnsafePointer<UNICODE_STRING>?,
    _ allocates: UInt8,
    _ isUp: UInt8,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let target else { return STATUS_INVALID_PARAMETER }
    let units = Strings.units(source).map(isUp != 0 ? Strings.upcase : Strings.downcase)
    return Strings.put(units, to: target, allocates: allocates != 0, maker: caller)
}

/// RtlCreateUnicodeString: a copy of a NUL-terminated text.
@c @implementation
public func wsk_create_unicode(
    _ target: PUNICODE_STRING?,
    _ source: UnsafePointer<UInt16>?,
    _ caller: UnsafeRawPointer?
) -> UInt8 {
    guard let target, source != nil else { return 0 }
    var text = UNICODE_STRING()
    RtlInitUnicodeString(&text, source)
    let units = Array(Strings.units(&text))
    return Strings.put(units, to: target, allocates: true, maker: caller) == STATUS_SUCCESS ? 1 : 0
}

/// Whether a text begins with another.
@c @implementation
public func RtlPrefixUnicodeString(
    _ prefix: UnsafePointer<UNICODE_STRING>?,
    _ text: UnsafePointer<UNICODE_STRING>?,
    _ ignoresCase: UInt8
) -> UInt8 {
    let (head, whole) = (Strings.units(prefix), Strings.units(text))
    guard head.count <= whole.count else { return 0 }
    let isSame = zip(head, whole).allSatisfy {
        $0 == $1 || (ignoresCase != 0 && Strings.upcase($0) == Strings.upcase($1))
    }
    return isSame ? 1 : 0
}

/// Writes a number in base 10 (0), 2, 8 or 16.
@c @implementation
public func RtlInt64ToUnicodeString(_ value: UInt64, _ base: UInt32, _ target: PUNICODE_STRING?) -> NTSTATUS {
    guard let target, [0, 2, 8, 10, 16].contains(base) else { return STATUS_INVALID_PARAMETER }
    return Strings.write(String(value, radix: base == 0 ? 10 : Int(base), uppercase: true), to: target)
}

/// Reads a number as RtlUnicodeStringToInteger does, from NUL-terminated bytes.
@c @implementation
public func RtlCharToInteger(
    _ text: UnsafePointer<CChar>?,
    _ base: UInt32,
    _ value: UnsafeMutablePointer<UInt32>?
) -> NTSTATUS {
    guard let text else { return STATUS_INVALID_PARAMETER }
    var units = Array(String(cString: text).utf16.prefix(Int(UNICODE_STRING_MAX_CHARS) - 1))
    return units.withUnsafeMutableBufferPointer { units in
        var string = UNICODE_STRING()
        string.Buffer = units.baseAddress
        string.Length = UInt16(units.count * 2)
        return RtlUnicodeStringToInteger(&string, base, value)
    }
}

/// RtlStringFromGUID: a GUID as text, e.g. `{00000000-0000-0000-C000-000000000046}`.
@c @implementation
public func wsk_guid_text(
    _ guid: UnsafePointer<GUID>?,
    _ target: PUNICODE_STRING?,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let guid, let target else { return STATUS_INVALID_PARAMETER }
    func digits(_ value: UInt64, _ count: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: count - text.count) + text
    }
    let tail = withUnsafeBytes(of: guid.pointee.Data4) { $0.map { digits(UInt64($0), 2) } }
    let parts = [
        digits(UInt64(guid.pointee.Data1), 8), digits(UInt64(guid.pointee.Data2), 4),
        digits(UInt64(guid.pointee.Data3), 4), tail[..<2].joined(), tail[2...].joined(),
    ]
    let text = "{\(parts.joined(separator: "-"))}"
    return Strings.put(Array(text.utf16), to: target, allocates: true, maker: caller)
}

/// Reads such a text.
@c @implementation
public func RtlGUIDFromString(
    _ text: UnsafePointer<UNICODE_STRING>?,
    _ guid: UnsafeMutablePointer<GUID>?
) -> NTSTATUS {
    let text = Strings.text(text)
    guard let guid, text.utf8.count == 38, text.first == "{", text.last == "}" else { return STATUS_INVALID_PARAMETER }
    let parts = text.dropFirst().dropLast().split(separator: "-", omittingEmptySubsequences: false)
    guard parts.map(\.count) == [8, 4, 4, 4, 12], parts.allSatisfy({ $0.allSatisfy(\.isHexDigit) }) else {
        return STATUS_INVALID_PARAMETER
    }
    let numbers = parts.compactMap { UInt64($0, radix: 16) }
    guard numbers.count == 5 else { return STATUS_INVALID_PARAMETER }
    guid.pointee.Data1 = UInt32(numbers[0])
    guid.pointee.Data2 = UInt16(numbers[1])
    guid.pointee.Data3 = UInt16(numbers[2])
    withUnsafeMutableBytes(of: &guid.pointee.Data4) {
        $0.storeBytes(of: (numbers[3] << 48 | numbers[4]).bigEndian, as: UInt64.self)
    }
    return STATUS_SUCCESS
}
