import CLamina
import CLinux
import Glibc

extension LineBuffer {
    /// Appends bytes as a person reads them: printable ASCII as it is, the rest and `"` and `\` with a backslash, so
    /// that no byte can end the line or move a terminal's cursor.
    public mutating func append(escaped bytes: borrowing RawSpan) {
        for index in bytes.byteOffsets {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            switch byte {
            case UInt8(ascii: "\n"): append("\\n")
            case UInt8(ascii: "\r"): append("\\r")
            case UInt8(ascii: "\t"): append("\\t")
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(byte: UInt8(ascii: "\\"))
                append(byte: byte)
            case 0x20..<0x7F: append(byte: byte)
            default:
                append("\\x")
                append(hex: byte)
            }
        }
    }

    /// Appends bytes as the inside of a JSON string: each byte as the character of that number, so that every byte
    /// can be read back.
    public mutating func append(json bytes: borrowing RawSpan) {
        for index in bytes.byteOffsets {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(byte: UInt8(ascii: "\\"))
                append(byte: byte)
            case 0x20..<0x7F: append(byte: byte)
            default:
                append("\\u00")
                append(hex: byte)
            }
        }
    }

    /// Appends text as a person reads it, escaped likewise.
    public mutating func append(escaped text: String) {
        var text = text
        text.withUTF8 { append(escaped: UnsafeRawBufferPointer($0).bytes) }
    }

    /// Appends what another buffer has as the inside of a JSON string, likewise.
    public mutating func append(json other: borrowing LineBuffer) { append(json: other.bytes.bytes) }

    /// Appends text as the inside of a JSON string, in UTF-8.
    public mutating func append(json text: String) {
        for byte in text.utf8 {
            if byte < 0x80 { withUnsafeBytes(of: byte) { append(json: $0.bytes) } } else { append(byte: byte) }
        }
    }

    /// Appends bytes as hexadecimal digits, with this between them.
    public mutating func append(hex bytes: borrowing RawSpan, between separator: StaticString = "") {
        for index in bytes.byteOffsets {
            if index > 0 { append(separator) }
            append(hex: bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
    }

    /// Appends a moment, in nanoseconds since 1970: the local time of day to microseconds, `16:04:05.000123`.
    public mutating func append(timeOfDay nanoseconds: Int64) {
        var (seconds, parts) = (time_t(nanoseconds / 1_000_000_000), tm())
        localtime_r(&seconds, &parts)
        append(parts, nanoseconds)
    }

    /// Appends a moment, in nanoseconds since 1970: date and time in UTC, `2027-01-02T16:04:05.000123Z`.
    public mutating func append(date nanoseconds: Int64) {
        var (seconds, parts) = (time_t(nanoseconds / 1_000_000_000), tm())
        gmtime_r(&seconds, &parts)
        append(number: UInt64(clamping: Int64(parts.tm_year) + 1900), digits: 4)
        append("-")
        append(number: UInt64(clamping: parts.tm_mon + 1), digits: 2)
        append("-")
        append(number: UInt64(clamping: parts.tm_mday), digits: 2)
        append("T")
        append(parts, nanoseconds)
        append("Z")
    }

    private mutating func append(_ parts: tm, _ nanoseconds: Int64) {
        append(number: UInt64(clamping: parts.tm_hour), digits: 2)
        append(":")
        append(number: UInt64(clamping: parts.tm_min), digits: 2)
        append(":")
        append(number: UInt64(clamping: parts.tm_sec), digits: 2)
        append(".")
        append(number: UInt64(clamping: nanoseconds % 1_000_000_000 / 1_000), digits: 6)
    }

    /// Appends an errno's name (`ECONNREFUSED`), or its number where it has none. `status` may have either sign.
    public mutating func append(errno status: Int32) {
        let number = Int32(clamping: status.magnitude)
        if let name = clinux_errno_name(number) {
            append(cString: name)
        } else {
            append("errno ")
            append(number: UInt64(number))
        }
    }

    /// Appends a time span in the unit that suits it: `640 ns`, `8.5 us`, `85 us`, `3.2 ms`, `12 s`.
    public mutating func append(nanoseconds: Int64) {
        let value = UInt64(clamping: nanoseconds)
        func scaled(_ unit: UInt64, _ name: StaticString, _ line: inout LineBuffer) {
            line.append(number: value / unit)
            if value / unit < 10 {
                line.append(byte: UInt8(ascii: "."))
                line.append(number: value % unit * 10 / unit)
            }
            line.append(name)
        }
        switch value {
        case ..<1_000:
            append(number: value)
            append(" ns")
        case ..<1_000_000: scaled(1_000, " us", &self)
        case ..<1_000_000_000: scaled(1_000_000, " ms", &self)
        default: scaled(1_000_000_000, " s", &self)
        }
    }

    /// Appends an address: `127.0.0.1:80`, `[::1]:80`, `unix:/path`, `unix:@abstract`, `name:80`. Bytes that aren't
    /// printable are escaped.
    public mutating func append(_ address: Address) {
        withUnsafeBytes(of: address.c.storage) { storage in
            append(address, UnsafeRawBufferPointer(rebasing: storage.prefix(Int(address.c.length))))
        }
    }

    private mutating func append(_ address: Address, _ storage: UnsafeRawBufferPointer) {
        switch Int(address.c.form) {
        case LAMINA_ADDRESS_NAME:
            append(escaped: storage.bytes)
            append(port: address.c.port)
        case LAMINA_ADDRESS_SOCKET where storage.count >= MemoryLayout<sa_family_t>.size:
            append(socketAddress: storage)
        default:
            append("none")
        }
    }

    private mutating func append(port: UInt16) {
        append(byte: UInt8(ascii: ":"))
        append(number: UInt64(port))
    }

    private mutating func append(socketAddress storage: UnsafeRawBufferPointer) {
        let family = Int32(storage.loadUnaligned(as: sa_family_t.self))
        switch family {
        case AF_INET where storage.count >= MemoryLayout<sockaddr_in>.size:
            let address = storage.loadUnaligned(as: sockaddr_in.self)
            withUnsafeBytes(of: address.sin_addr) { bytes in
                for (index, byte) in bytes.enumerated() {
                    if index > 0 { append(byte: UInt8(ascii: ".")) }
                    append(number: UInt64(byte))
                }
            }
            append(port: UInt16(bigEndian: address.sin_port))
        case AF_INET6 where storage.count >= MemoryLayout<sockaddr_in6>.size:
            var address = storage.loadUnaligned(as: sockaddr_in6.self)
            append(byte: UInt8(ascii: "["))
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
                guard let base = text.baseAddress,
                    inet_ntop(AF_INET6, &address.sin6_addr, base, socklen_t(INET6_ADDRSTRLEN)) != nil
                else { return }
                append(cString: base)
            }
            append(byte: UInt8(ascii: "]"))
            append(port: UInt16(bigEndian: address.sin6_port))
        case AF_UNIX:
            append("unix:")
            let name = UnsafeRawBufferPointer(rebasing: storage[MemoryLayout<sa_family_t>.size...])
            if name.first == 0 {
                append(byte: UInt8(ascii: "@"))
                append(escaped: UnsafeRawBufferPointer(rebasing: name[1...]).bytes)
            } else {
                append(escaped: UnsafeRawBufferPointer(rebasing: name.prefix { $0 != 0 }).bytes)
            }
        default:
            append("family ")
            append(signed: Int64(family))
        }
    }

    /// Writes what was appended to the framework's log, as one line of this level (`LAMINA_LOG_…`).
    func log(_ slot: UnsafeMutablePointer<lamina_slot>, _ level: Int) {
        guard let text = bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
        slot.pointee.column.pointee.upcalls.pointee.log(slot, UInt32(level), text, count)
    }

    /// Logs `text`, what the errno value `cause` means, and `rest`, as one line of this level.
    static func log(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ level: Int,
        _ text: StaticString,
        cause: Int32,
        _ rest: StaticString = ""
    ) {
        withUnsafeTemporaryAllocation(byteCount: 256, alignment: 1) { memory in
            var line = LineBuffer(memory)
            line.append(text)
            line.append(cString: strerror(cause))
            line.append(rest)
            line.log(slot, level)
        }
    }
}
