// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

extension lamina_protocol_info {
    fileprivate var value: ProtocolInfo {
        get throws(LaminaError) { try ProtocolInfo(parsing: withUnsafeBytes(of: bytes) { Array($0) }) }
    }
}

/// Lets another process have a socket.
@c @implementation
public func lamina_socket_duplicate(
    _ socket: lamina_socket,
    _ target: pid_t,
    _ mode: UInt32,
    _ milliseconds: UInt32,
    _ info: UnsafeMutablePointer<lamina_protocol_info>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(info, "info")
        let wanted = HandoffMode(rawValue: mode)
        guard wanted != nil || mode == 0xff else {
            throw LaminaError(.invalidArgument, "mode", "is \(mode), which is none", errno: EINVAL)
        }
        let value = try Socket(handle: socket).duplicate(
            for: target,
            mode: wanted,
            validFor: milliseconds == 0 ? 30_000 : Int64(milliseconds)
        )
        withUnsafeMutableBytes(of: &room.pointee.bytes) { $0.copyBytes(from: value.bytes) }
        return 0
    }
}

/// Takes a value back.
@c @implementation
public func lamina_socket_withdraw(_ info: UnsafePointer<lamina_protocol_info>?) -> lamina_status {
    answer { () throws(LaminaError) in try given(info, "info").pointee.value.withdraw() ? 0 : -ENOENT }
}

/// How a value hands its socket over.
@c @implementation
public func lamina_protocol_info_mode(_ info: UnsafePointer<lamina_protocol_info>?) -> Int32 {
    answer { () throws(LaminaError) in Int32(try given(info, "info").pointee.value.mode.rawValue) }
}

/// Fetches a socket.
@c @implementation
public func lamina_wait_socket_from(
    _ info: UnsafePointer<lamina_protocol_info>?,
    _ catalog: OpaquePointer?,
    _ engine: OpaquePointer?,
    _ deadline: Int64,
    _ socket: UnsafeMutablePointer<lamina_socket>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(socket, "socket")
        room.pointee = try Socket(
            from: try given(info, "info").pointee.value,
            catalog: catalog.map { Handle<ShownCatalog>.of($0).object.catalog } ?? Catalog(),
            engine: engine.map { Handle<Engine>.of($0).object } ?? .shared,
            deadline: deadline
        ).handle
        return 0
    }
}

/// Takes over a descriptor.
@c @implementation
public func lamina_wait_adopt(
    _ chain: OpaquePointer?,
    _ descriptor: Int32,
    _ category: UInt32,
    _ socket: UnsafeMutablePointer<lamina_socket>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let chain = Handle<Chain>.of(try given(chain, "chain")).object
        let room = try given(socket, "socket")
        let category = category == 0 ? nil : SocketCategories(rawValue: category)
        room.pointee = try Socket(adopting: descriptor, on: chain, category: category).handle
        return 0
    }
}

/// Leaves a descriptor open across exec, or not.
@c @implementation
public func lamina_wait_set_inheritable(
    _ socket: lamina_socket,
    _ inheritable: Int32,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int32 {
    answer(error) { () throws(LaminaError) in try Socket(handle: socket).setInheritable(inheritable != 0) }
}

/// The base's own descriptor.
@c @implementation
public func lamina_socket_base_descriptor(_ socket: lamina_socket) -> Int32 {
    answer { () throws(LaminaError) in try Socket(handle: socket).baseDescriptor ?? -ENOTSUP }
}

/// The labels of a socket's levels.
@c @implementation
public func lamina_socket_levels(
    _ socket: lamina_socket,
    _ text: UnsafeMutablePointer<CChar>?,
    _ capacity: Int
) -> Int {
    answer { () throws(LaminaError) in
        let labels = Array(try Socket(handle: socket).levels.map(\.label).joined(separator: "/").utf8CString)
        guard let text, labels.count <= capacity else { return -Int(ENOBUFS) }
        for (index, byte) in labels.enumerated() { text[index] = byte }
        return labels.count - 1
    }
}
