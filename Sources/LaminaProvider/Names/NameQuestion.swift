public import CLamina
import Glibc

/// A question for the addresses of a name (`lamina_resolve_arguments`, getaddrinfo). It lasts until the call has ended.
public struct NameQuestion: ~Escapable {
    @usableFromInline let query: UnsafeMutablePointer<lamina_resolve_arguments>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ query: UnsafeMutablePointer<lamina_resolve_arguments>) { self.query = query }

    /// The name.
    public var name: String { String(cString: query.pointee.name) }
    /// The name and the port. A copy.
    public var place: Address {
        let text = UnsafeRawBufferPointer(start: query.pointee.name, count: strnlen(query.pointee.name, 253))
        return Address(lamina_address(name: text, port: query.pointee.port))
    }

    /// `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
    public var family: Int32 { query.pointee.family }
    /// Goes into every answer.
    public var port: UInt16 { query.pointee.port }
    /// The user whose program asks; nil where nobody said.
    public var user: UInt32? { query.pointee.origin?.pointee.user }
    /// The path of the executable that asks; nil if unknown.
    public var executable: String? { query.pointee.origin?.pointee.executable.map { String(cString: $0) } }
    /// The process that asks; 0 where nobody said.
    public var process: Int32 { query.pointee.origin?.pointee.process ?? 0 }
    /// How many addresses there is room for.
    public var capacity: Int { Int(query.pointee.capacity) }

    /// The answers, once there are some. Copies.
    public var addresses: [Address] {
        (0..<Int(min(query.pointee.count, query.pointee.capacity))).map { Address(query.pointee.addresses[$0]) }
    }

    /// Whether the name is to be an address in numbers, and nobody is asked for any other (AI_NUMERICHOST).
    public var isNumeric: Bool { query.pointee.flags & UInt32(AI_NUMERICHOST) != 0 }

    /// Writes answers: addresses of the family that is asked for, and names, as many as there is room for, with the question's
    /// port; and the canonical name, where it is asked for. Answers how many addresses were written.
    @discardableResult
    public func answer(_ addresses: [Address], canonicalName: String? = nil) -> Int {
        var count = 0
        for var address in addresses where count < capacity {
            guard family == AF_UNSPEC || address.family == family || address.name != nil else { continue }
            address.port = port
            query.pointee.addresses[count] = address.c
            count += 1
        }
        query.pointee.count = UInt32(count)
        if count > 0, let canonicalName, let room = query.pointee.canonical {
            write(canonicalName, UnsafeMutableRawBufferPointer(start: room, count: Int(LAMINA_NAME_CAPACITY)))
        }
        return count
    }
}

/// Writes a name, of which 253 bytes are taken, NUL-terminated.
private func write(_ name: String, _ room: UnsafeMutableRawBufferPointer) {
    let text = name.utf8.prefix(253)
    room.copyBytes(from: text)
    room[text.count] = 0
}

/// A question for an address's name (`lamina_reverse_arguments`, getnameinfo). It lasts until the call has ended.
public struct AddressQuestion: ~Escapable {
    @usableFromInline let query: UnsafeMutablePointer<lamina_reverse_arguments>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ query: UnsafeMutablePointer<lamina_reverse_arguments>) { self.query = query }

    /// The address. A copy.
    public var address: Address { Address(query.pointee.address) }

    /// Whether the address's numbers are the answer, and nobody is asked for its name (NI_NUMERICHOST). A layer that sets it
    /// before it passes the question on keeps it from being asked further.
    public var isNumeric: Bool {
        get { query.pointee.flags & UInt32(NI_NUMERICHOST) != 0 }
        nonmutating set {
            let flag = UInt32(NI_NUMERICHOST)
            query.pointee.flags = newValue ? query.pointee.flags | flag : query.pointee.flags & ~flag
        }
    }

    /// Whether numbers are no answer: ENOENT where there is no name (NI_NAMEREQD).
    public var needsName: Bool { query.pointee.flags & UInt32(NI_NAMEREQD) != 0 }

    /// The answer, once there is one; empty before.
    public var name: String {
        withUnsafeBytes(of: &query.pointee.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Writes the answer, of which 253 bytes are taken.
    public func answer(_ name: String) {
        withUnsafeMutableBytes(of: &query.pointee.name) { write(name, $0) }
    }
}
