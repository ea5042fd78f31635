// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// The library's version.
@c @implementation
public func lamina_version() -> UnsafePointer<CChar>? {
    VersionText.pointer
}

private enum VersionText {
    // Constant.
    nonisolated(unsafe) static let pointer = UnsafePointer(strdup(Version.text))
}

/// A deadline, this many milliseconds from now.
@c @implementation
public func lamina_deadline_after_ms(_ milliseconds: Int64) -> Int64 {
    Deadline.after(milliseconds: milliseconds)
}

/// Reads an address.
@c @implementation
public func lamina_address_parse(
    _ source: UnsafePointer<CChar>?,
    _ address: UnsafeMutablePointer<lamina_address>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let parsed = try Address(parsing: try text(source, "text"))
        try given(address, "address").pointee = parsed.c
        return 0
    }
}

/// Writes an address.
@c @implementation
public func lamina_address_format(
    _ address: UnsafePointer<lamina_address>?,
    _ text: UnsafeMutablePointer<CChar>?,
    _ capacity: Int
) -> Int {
    answer { () throws(LaminaError) in
        let bytes = Address(try given(address, "address").pointee).description.utf8CString
        let room = try given(text, "text")
        guard bytes.count <= capacity else {
            throw LaminaError(.invalidArgument, "capacity", "is too small", errno: ENOBUFS)
        }
        for (index, byte) in bytes.enumerated() { room[index] = byte }
        return bytes.count - 1
    }
}

/// Writes addresses to a caller's room for `capacity` of them, and answers how many that were.
func write(_ addresses: [Address], to room: UnsafeMutablePointer<lamina_address>, _ capacity: Int) -> Int {
    let count = min(addresses.count, max(capacity, 0))
    for index in 0..<count { room[index] = addresses[index].c }
    return count
}
