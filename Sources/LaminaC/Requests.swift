// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Opens a socket by a request.
@c @implementation
public func lamina_socket_open(
    _ chain: OpaquePointer?,
    _ arguments: UnsafePointer<lamina_open_arguments>?,
    _ request: UnsafeMutablePointer<lamina_request>?
) -> lamina_status {
    guard let chain, let arguments, let request else { return -EINVAL }
    let options = SocketOptions(
        family: arguments.pointee.family,
        type: arguments.pointee.type,
        proto: arguments.pointee.protocol,
        category: SocketCategories(rawValue: arguments.pointee.category)
    )
    return Handle<Chain>.of(chain).object.open(options, request: request)
}

/// Ends a socket, by a request or without.
@c @implementation
public func lamina_socket_close(
    _ socket: lamina_socket,
    _ request: UnsafeMutablePointer<lamina_request>?
) -> lamina_status {
    if let request { return Socket.close(socket, request) }
    return answer { () throws(LaminaError) in
        try Socket(handle: socket).close()
        return 0
    }
}

/// Says who hears a socket's events.
@c @implementation
public func lamina_socket_set_indications(
    _ socket: lamina_socket,
    _ indications: UnsafePointer<lamina_indications>?,
    _ context: UnsafeMutableRawPointer?
) -> lamina_status {
    answer { () throws(LaminaError) in
        try Socket(handle: socket).setIndications(indications, context: context)
        return 0
    }
}

/// Cancels a request.
@c @implementation
public func lamina_cancel(_ request: UnsafeMutablePointer<lamina_request>?) -> Int32 {
    guard let request else { return -EINVAL }
    return Requests.cancel(request) ? 1 : 0
}
