// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Opens a socket.
@c @implementation
public func lamina_wait_open(
    _ chain: OpaquePointer?,
    _ family: Int32,
    _ type: Int32,
    _ proto: Int32,
    _ category: UInt32,
    _ socket: UnsafeMutablePointer<lamina_socket>?,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let chain = Handle<Chain>.of(try given(chain, "chain")).object
        let room = try given(socket, "socket")
        let category = SocketCategories(rawValue: category)
        room.pointee = try chain.open(SocketOptions(family: family, type: type, proto: proto, category: category))
            .handle
        return 0
    }
}

/// Connects.
@c @implementation
public func lamina_wait_connect(
    _ socket: lamina_socket,
    _ address: UnsafePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let address = try given(address, "address")
        try Socket(handle: socket).waiting.perform("connect \(Address(address.pointee))", deadline: deadline) {
            lamina_socket_connect(socket, address, 0, $0)
        }
        return 0
    }
}

/// Connects to an address in text.
@c @implementation
public func lamina_wait_connect_to(
    _ socket: lamina_socket,
    _ destination: UnsafePointer<CChar>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let address = try Address(parsing: try text(destination, "destination"))
        try Socket(handle: socket).waiting.connect(to: address, deadline: deadline)
        return 0
    }
}

/// Binds a local address.
@c @implementation
public func lamina_wait_bind(
    _ socket: lamina_socket,
    _ address: UnsafePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let address = try given(address, "address")
        try Socket(handle: socket).waiting.perform("bind \(Address(address.pointee))", deadline: deadline) {
            lamina_socket_bind(socket, address, 0, $0)
        }
        return 0
    }
}

/// Starts to take connections.
@c @implementation
public func lamina_wait_listen(
    _ socket: lamina_socket,
    _ backlog: UInt32,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try Socket(handle: socket).waiting.listen(backlog: backlog, deadline: deadline)
        return 0
    }
}

/// Takes a connection.
@c @implementation
public func lamina_wait_accept(
    _ socket: lamina_socket,
    _ accepted: UnsafeMutablePointer<lamina_socket>?,
    _ remote: UnsafeMutablePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(accepted, "accepted")
        room.pointee = try Socket(handle: socket).waiting.accept(remote: remote, deadline: deadline).handle
        return 0
    }
}

/// Ends one direction or both.
@c @implementation
public func lamina_wait_disconnect(
    _ socket: lamina_socket,
    _ flags: UInt32,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try Socket(handle: socket).waiting.disconnect(DisconnectOptions(rawValue: flags), deadline: deadline)
        return 0
    }
}

/// Writes the socket's own address.
@c @implementation
public func lamina_wait_local_address(
    _ socket: lamina_socket,
    _ address: UnsafeMutablePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(address, "address")
        room.pointee = try Socket(handle: socket).waiting.localAddress(deadline: deadline).c
        return 0
    }
}

/// Writes the peer's address.
@c @implementation
public func lamina_wait_remote_address(
    _ socket: lamina_socket,
    _ address: UnsafeMutablePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let room = try given(address, "address")
        room.pointee = try Socket(handle: socket).waiting.remoteAddress(deadline: deadline).c
        return 0
    }
}

/// Options, ioctls and extensions.
@c @implementation
public func lamina_wait_control(
    _ socket: lamina_socket,
    _ operation: UnsafePointer<lamina_operation>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let operation = try given(operation, "operation")
        let subject = "control \(operation.pointee.level)/\(operation.pointee.code)"
        return try Socket(handle: socket).waiting.perform(subject, deadline: deadline) {
            lamina_socket_control(socket, operation, $0)
        }
    }
}

/// Asks for the base's descriptor.
@c @implementation
public func lamina_wait_descriptor(
    _ socket: lamina_socket,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int32 {
    answer(error) { () throws(LaminaError) in try Socket(handle: socket).waiting.descriptor() }
}

/// Ends a socket and waits until it is gone.
@c @implementation
public func lamina_wait_close(
    _ socket: lamina_socket,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try Socket(handle: socket).waiting.close()
        return 0
    }
}

/// The addresses of a name.
@c @implementation
public func lamina_wait_resolve(
    _ chain: OpaquePointer?,
    _ name: UnsafePointer<CChar>?,
    _ port: UInt16,
    _ family: Int32,
    _ addresses: UnsafeMutablePointer<lamina_address>?,
    _ capacity: Int,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let chain = Handle<Chain>.of(try given(chain, "chain")).object
        let room = try given(addresses, "addresses")
        let found = try chain.resolve(try text(name, "name"), port: port, family: family, deadline: deadline)
        return write(found, to: room, capacity)
    }
}
