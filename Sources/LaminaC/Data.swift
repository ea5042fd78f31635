// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// The program's bytes as a buffer.
private func buffer(_ data: UnsafeMutableRawPointer?, _ length: Int) throws(LaminaError) -> lamina_buffer {
    guard length >= 0 else { throw LaminaError(.invalidArgument, "length", "is beyond memory", errno: EINVAL) }
    return lamina_buffer(base: length > 0 ? try given(data, "data") : data, length: length)
}

/// Sends all bytes.
@c @implementation
public func lamina_wait_send(
    _ socket: lamina_socket,
    _ data: UnsafeRawPointer?,
    _ length: Int,
    _ flags: UInt32,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        var buffer = try buffer(UnsafeMutableRawPointer(mutating: data), length)
        return try Socket(handle: socket).waiting.perform("send \(length) bytes", deadline: deadline) {
            lamina_socket_send(socket, &buffer, 1, flags, $0)
        }
    }
}

/// Receives.
@c @implementation
public func lamina_wait_receive(
    _ socket: lamina_socket,
    _ data: UnsafeMutableRawPointer?,
    _ length: Int,
    _ flags: UInt32,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        var buffer = try buffer(data, length)
        return try Socket(handle: socket).waiting.perform("receive", deadline: deadline) {
            lamina_socket_receive(socket, &buffer, 1, flags, $0)
        }
    }
}

/// Sends one datagram.
@c @implementation
public func lamina_wait_send_to(
    _ socket: lamina_socket,
    _ data: UnsafeRawPointer?,
    _ length: Int,
    _ destination: UnsafePointer<lamina_address>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        var buffer = try buffer(UnsafeMutableRawPointer(mutating: data), length)
        let peer = destination.map { Address($0.pointee).description } ?? "the peer"
        return try withUnsafePointer(to: &buffer) { buffer throws(LaminaError) in
            var message = lamina_message()
            message.buffers = buffer
            message.buffer_count = 1
            message.address = UnsafeMutablePointer(mutating: destination)
            return try Socket(handle: socket).waiting.perform("send \(length) bytes to \(peer)", deadline: deadline) {
                lamina_socket_send_to(socket, &message, 0, $0)
            }
        }
    }
}

/// Receives one datagram.
@c @implementation
public func lamina_wait_receive_from(
    _ socket: lamina_socket,
    _ data: UnsafeMutableRawPointer?,
    _ length: Int,
    _ sender: UnsafeMutablePointer<lamina_address>?,
    _ flags: UnsafeMutablePointer<UInt32>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        var buffer = try buffer(data, length)
        var message = lamina_message()
        return try withUnsafePointer(to: &buffer) { buffer throws(LaminaError) in
            message.buffers = buffer
            message.buffer_count = 1
            message.address = sender
            let count = try withUnsafeMutablePointer(to: &message) { message throws(LaminaError) in
                try Socket(handle: socket).waiting.perform("receive", deadline: deadline) {
                    lamina_socket_receive_from(socket, message, 0, $0)
                }
            }
            flags?.pointee = message.flags
            return count
        }
    }
}
