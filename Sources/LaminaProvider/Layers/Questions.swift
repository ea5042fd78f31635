public import CLamina
import Glibc

/// One control operation, valid during the call (`lamina_operation`): an option, an ioctl or an extension.
public struct ControlOperation: ~Escapable {
    @usableFromInline let operation: UnsafePointer<lamina_operation>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ operation: UnsafePointer<lamina_operation>) { self.operation = operation }

    /// `LAMINA_CONTROL_…`.
    public var kind: UInt32 { operation.pointee.kind }
    /// The option's level, e.g. `SOL_SOCKET`.
    public var level: Int32 { operation.pointee.level }
    /// The option or ioctl.
    public var code: UInt32 { operation.pointee.code }
    /// Bytes of room for what it answers.
    public var capacity: Int { operation.pointee.output_capacity }
    /// An extension's name; nil of others.
    public var `extension`: String? { operation.pointee.extension.map { String(cString: $0) } }

    /// What it was given.
    public var input: RawSpan {
        @_lifetime(copy self)
        get {
            let (base, length) = (operation.pointee.input, operation.pointee.input_length)
            let bytes = UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : length)
            return _overrideLifetime(RawSpan(_unsafeBytes: bytes), copying: self)
        }
    }

    /// The integer that an option is set to; nil where it is something else.
    public var integer: Int32? {
        guard kind == UInt32(LAMINA_CONTROL_SET_OPTION), let input = operation.pointee.input,
            operation.pointee.input_length == MemoryLayout<Int32>.size
        else { return nil }
        return input.loadUnaligned(as: Int32.self)
    }

    /// Whether it sets this socket option.
    public func sets(_ level: Int32, _ option: Int32) -> Bool {
        kind == UInt32(LAMINA_CONTROL_SET_OPTION) && self.level == level && code == UInt32(bitPattern: option)
    }

    /// Whether it asks for this socket option.
    public func gets(_ level: Int32, _ option: Int32) -> Bool {
        kind == UInt32(LAMINA_CONTROL_GET_OPTION) && self.level == level && code == UInt32(bitPattern: option)
    }
}

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

/// What a socket is opened for (`lamina_open_arguments`), valid during the call.
public struct Opening: ~Escapable {
    @usableFromInline let arguments: UnsafePointer<lamina_open_arguments>

    @inlinable @inline(__always) @_lifetime(immortal)
    init(_ arguments: UnsafePointer<lamina_open_arguments>) { self.arguments = arguments }

    /// `AF_INET` and so on.
    public var family: Int32 { arguments.pointee.family }
    /// `SOCK_STREAM` and so on.
    public var type: Int32 { arguments.pointee.type }
    /// `IPPROTO_TCP` and so on.
    public var `protocol`: Int32 { arguments.pointee.protocol }
    /// What the socket is for.
    public var category: LayerDescription.Categories {
        LayerDescription.Categories(rawValue: arguments.pointee.category)
    }
    /// Whether the levels below are open already: it was accepted, or a condition let this level in late.
    public var isFromBelow: Bool { arguments.pointee.flags & UInt32(LAMINA_OPEN_FROM_BELOW) != 0 }
}
