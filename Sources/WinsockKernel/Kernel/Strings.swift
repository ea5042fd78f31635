// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CWinsockKernel
import Glibc

/// Counted strings. ANSI text is UTF-8.
enum Strings {
    static let tag: UInt32 = 0x6E72_7453

    static func units(_ text: UnsafePointer<UNICODE_STRING>?) -> UnsafeBufferPointer<UInt16> {
        UnsafeBufferPointer(start: text?.pointee.Buffer, count: Int(text?.pointee.Length ?? 0) / 2)
    }

    static func bytes(_ text: UnsafePointer<STRING>?) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text?.pointee.Buffer, count: Int(text?.pointee.Length ?? 0))
    }

    static func text(_ text: UnsafePointer<UNICODE_STRING>?) -> String {
        String(decoding: units(text), as: UTF16.self)
    }

    /// Writes `units` to a string, in new memory where that is asked for. A NUL follows where there is room.
    static func put(
        _ units: [UInt16],
        to target: PUNICODE_STRING,
        allocates: Bool = false,
        maker: UnsafeRawPointer? = nil
    ) -> NTSTATUS {
        guard units.count < Int(UNICODE_STRING_MAX_CHARS) else { return STATUS_INVALID_PARAMETER }
        if allocates {
            guard let memory = allocate(units.count * 2 + 2, maker) else { return STATUS_NO_MEMORY }
            target.pointee.Buffer = memory.assumingMemoryBound(to: UInt16.self)
            target.pointee.MaximumLength = UInt16(units.count * 2 + 2)
        }
        guard let buffer = target.pointee.Buffer, units.count * 2 <= Int(target.pointee.MaximumLength) else {
            return STATUS_BUFFER_OVERFLOW
        }
        for (index, unit) in units.enumerated() { buffer[index] = unit }
        if units.count * 2 + 2 <= Int(target.pointee.MaximumLength) { buffer[units.count] = 0 }
        target.pointee.Length = UInt16(units.count * 2)
        return STATUS_SUCCESS
    }

    static func write(_ text: String, to target: PUNICODE_STRING) -> NTSTATUS {
        put(Array(text.utf16), to: target)
    }

    static func allocate(_ size: Int, _ maker: UnsafeRawPointer?) -> UnsafeMutableRawPointer? {
        Ledger.allocate(size, kind: Int(WSK_OBJECT_POOL), tag: tag, maker: maker)
    }

    static func free(_ memory: UnsafeMutableRawPointer?, _ function: String, _ caller: UnsafeRawPointer?) {
        if let memory { Ledger.free(memory, kind: Int(WSK_OBJECT_POOL), function, caller) }
    }

    static func upcase(_ unit: UInt16) -> UInt16 {
        guard let scalar = Unicode.Scalar(UInt32(unit)) else { return unit }
        let upper = scalar.properties.uppercaseMapping.utf16
        return upper.count == 1 ? upper.first ?? unit : unit
    }
}

/// Refers to a NUL-terminated text.
@c @implementation
public func RtlInitUnicodeString(_ target: PUNICODE_STRING?, _ source: UnsafePointer<UInt16>?) {
    guard let target else { return }
    var count = 0
    while count < Int(UNICODE_STRING_MAX_CHARS) - 1, let source, source[count] != 0 { count += 1 }
    target.pointee.Length = UInt16(count * 2)
    target.pointee.MaximumLength = source == nil ? 0 : UInt16(count * 2 + 2)
    target.pointee.Buffer = UnsafeMutablePointer(mutating: source)
}

/// Refers to a NUL-terminated text.
@c @implementation
public func RtlInitAnsiString(_ target: PANSI_STRING?, _ source: UnsafePointer<CChar>?) {
    guard let target else { return }
    let count = min(source.map { strlen($0) } ?? 0, 65534)
    target.pointee.Length = UInt16(count)
    target.pointee.MaximumLength = source == nil ? 0 : UInt16(count + 1)
    target.pointee.Buffer = UnsafeMutablePointer(mutating: source)
}

/// Copies as much as there is room for.
@c @implementation
public func RtlCopyUnicodeString(_ target: PUNICODE_STRING?, _ source: UnsafePointer<UNICODE_STRING>?) {
    guard let target else { return }
    let units = Strings.units(source).prefix(Int(target.pointee.MaximumLength) / 2)
    for (index, unit) in units.enumerated() { target.pointee.Buffer?[index] = unit }
    target.pointee.Length = UInt16(units.count * 2)
}

private func append(_ units: UnsafeBufferPointer<UInt16>, to target: PUNICODE_STRING?) -> NTSTATUS {
    guard let target else { return STATUS_INVALID_PARAMETER }
    let start = Int(target.pointee.Length) / 2
    guard (start + units.count) * 2 <= Int(target.pointee.MaximumLength) else { return STATUS_BUFFER_TOO_SMALL }
    for (index, unit) in units.enumerated() { target.pointee.Buffer?[start + index] = unit }
    target.pointee.Length = UInt16((start + units.count) * 2)
    return STATUS_SUCCESS
}

/// Adds to the end.
@c @implementation
public func RtlAppendUnicodeStringToString(
    _ target: PUNICODE_STRING?,
    _ source: UnsafePointer<UNICODE_STRING>?
) -> NTSTATUS {
    append(Strings.units(source), to: target)
}

/// Adds a NUL-terminated text to the end.
@c @implementation
public func RtlAppendUnicodeToString(_ target: PUNICODE_STRING?, _ source: UnsafePointer<UInt16>?) -> NTSTATUS {
    var text = UNICODE_STRING()
    RtlInitUnicodeString(&text, source)
    return append(UnsafeBufferPointer(start: text.Buffer, count: Int(text.Length) / 2), to: target)
}

/// Whether two texts are equal.
@c @implementation
public func RtlEqualUnicodeString(
    _ first: UnsafePointer<UNICODE_STRING>?,
    _ second: UnsafePointer<UNICODE_STRING>?,
    _ ignoresCase: UInt8
) -> UInt8 {
    RtlCompareUnicodeString(first, second, ignoresCase) == 0 ? 1 : 0
}

/// Compares two texts: negative, 0 or positive.
@c @implementation
public func RtlCompareUnicodeString(
    _ first: UnsafePointer<UNICODE_STRING>?,
    _ second: UnsafePointer<UNICODE_STRING>?,
    _ ignoresCase: UInt8
) -> Int32 {
    let (left, right) = (Strings.units(first), Strings.units(second))
    for index in 0..<min(left.count, right.count) {
        let a = ignoresCase != 0 ? Strings.upcase(left[index]) : left[index]
        let b = ignoresCase != 0 ? Strings.upcase(right[index]) : right[index]
        if a != b { return Int32(a) - Int32(b) }
    }
    return Int32(left.count) - Int32(right.count)
}

/// RtlAnsiStringToUnicodeString: UTF-8 to UTF-16.
@c @implementation
public func wsk_to_unicode(
    _ target: PUNICODE_STRING?,
    _ source: UnsafePointer<ANSI_STRING>?,
    _ allocates: UInt8,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let target else { return STATUS_INVALID_PARAMETER }
    let units = Array(String(decoding: Strings.bytes(source), as: UTF8.self).utf16)
    return Strings.put(units, to: target, allocates: allocates != 0, maker: caller)
}

/// RtlUnicodeStringToAnsiString: UTF-16 to UTF-8.
@c @implementation
public func wsk_to_ansi(
    _ target: PANSI_STRING?,
    _ source: UnsafePointer<UNICODE_STRING>?,
    _ allocates: UInt8,
    _ caller: UnsafeRawPointer?
) -> NTSTATUS {
    guard let target else { return STATUS_INVALID_PARAMETER }
    let bytes = Array(Strings.text(source).utf8)
    guard bytes.count <= 65534 else { return STATUS_INVALID_PARAMETER }
    if allocates != 0 {
        guard let memory = Strings.allocate(bytes.count + 1, caller) else { return STATUS_NO_MEMORY }
        target.pointee.Buffer = memory.assumingMemoryBound(to: CChar.self)
        target.pointee.MaximumLength = UInt16(bytes.count + 1)
    }
    guard let buffer = target.pointee.Buffer, bytes.count <= Int(target.pointee.MaximumLength) else {
        return STATUS_BUFFER_OVERFLOW
    }
    for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
    if bytes.count < Int(target.pointee.MaximumLength) { buffer[bytes.count] = 0 }
    target.pointee.Length = UInt16(bytes.count)
    return STATUS_SUCCESS
}

/// RtlFreeUnicodeString.
@c @implementation
public func wsk_free_unicode(_ text: PUNICODE_STRING?, _ caller: UnsafeRawPointer?) {
    Strings.free(text?.pointee.Buffer, "RtlFreeUnicodeString", caller)
    text?.pointee = UNICODE_STRING()
}

/// RtlFreeAnsiString.
@c @implementation
public func wsk_free_ansi(_ text: PANSI_STRING?, _ caller: UnsafeRawPointer?) {
    Strings.free(text?.pointee.Buffer, "RtlFreeAnsiString", caller)
    text?.pointee = ANSI_STRING()
}

/// The bytes that a conversion needs, with the NUL.
@c @implementation
public func RtlxAnsiStringToUnicodeSize(_ text: UnsafePointer<ANSI_STRING>?) -> UInt32 {
    UInt32(String(decoding: Strings.bytes(text), as: UTF8.self).utf16.count * 2 + 2)
}

/// The bytes that a conversion needs, with the NUL.
@c @implementation
public func RtlxUnicodeStringToAnsiSize(_ text: UnsafePointer<UNICODE_STRING>?) -> UInt32 {
    UInt32(Strings.text(text).utf8.count + 1)
}

/// UTF-16 to UTF-8, as much as there is room for.
@c @implementation
public func RtlUnicodeToUTF8N(
    _ target: UnsafeMutablePointer<CChar>?,
    _ capacity: UInt32,
    _ written: UnsafeMutablePointer<UInt32>?,
    _ source: UnsafePointer<UInt16>?,
    _ size: UInt32
) -> NTSTATUS {
    let text = String(decoding: UnsafeBufferPointer(start: source, count: Int(size) / 2), as: UTF16.self)
    var count = 0
    var isCut = false
    for scalar in text.unicodeScalars where !isCut {
        let bytes = Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        isCut = target != nil && count + bytes.count > Int(capacity)
        if isCut { break }
        for (index, byte) in bytes.enumerated() { target?[count + index] = CChar(bitPattern: byte) }
        count += bytes.count
    }
    written?.pointee = UInt32(count)
    return isCut ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS
}

/// UTF-8 to UTF-16, as much as there is room for.
@c @implementation
public func RtlUTF8ToUnicodeN(
    _ target: UnsafeMutablePointer<UInt16>?,
    _ capacity: UInt32,
    _ written: UnsafeMutablePointer<UInt32>?,
    _ source: UnsafePointer<CChar>?,
    _ size: UInt32
) -> NTSTATUS {
    let bytes = UnsafeRawBufferPointer(start: source, count: Int(size))
    var count = 0
    for unit in String(decoding: bytes, as: UTF8.self).utf16 {
        if target != nil, (count + 1) * 2 > Int(capacity) {
            written?.pointee = UInt32(count * 2)
            return STATUS_BUFFER_TOO_SMALL
        }
        target?[count] = unit
        count += 1
    }
    written?.pointee = UInt32(count * 2)
    return STATUS_SUCCESS
}

/// Writes a number in base 10 (0), 2, 8 or 16.
@c @implementation
public func RtlIntegerToUnicodeString(_ value: UInt32, _ base: UInt32, _ target: PUNICODE_STRING?) -> NTSTATUS {
    RtlInt64ToUnicodeString(UInt64(value), base, target)
}

/// Reads a number; with base 0 a prefix (0x, 0o, 0b) says which.
@c @implementation
public func RtlUnicodeStringToInteger(
    _ text: UnsafePointer<UNICODE_STRING>?,
    _ base: UInt32,
    _ value: UnsafeMutablePointer<UInt32>?
) -> NTSTATUS {
    guard let value, [0, 2, 8, 10, 16].contains(base) else { return STATUS_INVALID_PARAMETER }
    var digits = Strings.text(text).drop { $0 == " " || $0 == "\t" }
    let isNegative = digits.first == "-"
    if isNegative || digits.first == "+" { digits = digits.dropFirst() }
    var radix = Int(base)
    if base == 0 {
        let prefixes = ["0x": 16, "0o": 8, "0b": 2]
        radix = prefixes[String(digits.prefix(2))] ?? 10
        if radix != 10 { digits = digits.dropFirst(2) }
    }
    let run = digits.prefix { ($0.hexDigitValue ?? 99) < radix }
    let number = run.reduce(into: UInt32(0)) { $0 = $0 &* UInt32(radix) &+ UInt32($1.hexDigitValue ?? 0) }
    value.pointee = isNegative ? 0 &- number : number
    return STATUS_SUCCESS
}

/// The capital form of a character.
@c @implementation
public func RtlUpcaseUnicodeChar(_ character: UInt16) -> UInt16 {
    Strings.upcase(character)
}

/// The capital form of a character.
@c @implementation
public func RtlUpperChar(_ character: CChar) -> CChar {
    (97...122).contains(character) ? character - 32 : character
}
