// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Says where datagrams go that name no destination.
@c @implementation
public func lamina_wait_set_destination(
    _ socket: lamina_socket,
    _ address: UnsafePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try setDestination(socket, address, UInt32(LAMINA_CONNECT_SEND_ONLY), deadline)
        return 0
    }
}

/// Takes datagrams from everybody again.
@c @implementation
public func lamina_wait_forget_remote(
    _ socket: lamina_socket,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try setDestination(socket, nil, 0, deadline)
        return 0
    }
}

private func setDestination(
    _ socket: lamina_socket,
    _ address: UnsafePointer<lamina_address>?,
    _ flags: UInt32,
    _ deadline: Int64
) throws(LaminaError) {
    var address = address?.pointee ?? lamina_address()
    try Socket(handle: socket).waiting.perform("destination \(Address(address))", deadline: deadline) {
        lamina_socket_connect(socket, &address, flags, $0)
    }
}

/// Sends one datagram with control data.
@c @implementation
public func lamina_wait_send_message(
    _ socket: lamina_socket,
    _ message: UnsafePointer<lamina_message>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let message = try given(message, "message")
        return try Socket(handle: socket).waiting.perform("send a message", deadline: deadline) {
            lamina_socket_send_to(socket, message, 0, $0)
        }
    }
}

/// Receives one datagram with control data.
@c @implementation
public func lamina_wait_receive_message(
    _ socket: lamina_socket,
    _ message: UnsafeMutablePointer<lamina_message>?,
    _ flags: UInt32,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let message = try given(message, "message")
        return try Socket(handle: socket).waiting.perform("receive a message", deadline: deadline) {
            lamina_socket_receive_from(socket, message, flags, $0)
        }
    }
}

/// The machine's addresses.
@c @implementation
public func lamina_wait_address_list(
    _ socket: lamina_socket,
    _ addresses: UnsafeMutablePointer<lamina_address>?,
    _ capacity: Int,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let found = try Socket(handle: socket).waiting.addressList()
        for (index, address) in found.prefix(max(capacity, 0)).enumerated() { addresses?[index] = address.c }
        return found.count
    }
}

/// Waits until the machine's addresses change.
@c @implementation
public func lamina_wait_address_list_change(
    _ socket: lamina_socket,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        try Socket(handle: socket).waiting.addressListChange(deadline: deadline)
        return 0
    }
}

/// Puts addresses into the order in which to try them.
@c @implementation
public func lamina_wait_sort_addresses(
    _ socket: lamina_socket,
    _ addresses: UnsafeMutablePointer<lamina_address>?,
    _ count: Int,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> lamina_status {
    answer(error) { () throws(LaminaError) in
        let list = try given(addresses, "addresses")
        let sorted = try Socket(handle: socket).waiting.sorted((0..<max(count, 0)).map { Address(list[$0]) })
        for (index, address) in sorted.enumerated() { list[index] = address.c }
        return 0
    }
}
