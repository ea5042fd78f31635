// swift-format-ignore-file: AlwaysUseLowerCamelCase

public import CLamina
import Glibc
import Lamina

/// Turns a name into addresses, by a request.
@c @implementation
public func lamina_chain_resolve(
    _ chain: OpaquePointer?,
    _ query: UnsafeMutablePointer<lamina_resolve_arguments>?,
    _ request: UnsafeMutablePointer<lamina_request>?
) -> lamina_status {
    guard let chain, let query, let request else { return -EINVAL }
    return Handle<Chain>.of(chain).object.resolve(query, request: request)
}

/// Turns an address into a name, by a request.
@c @implementation
public func lamina_chain_reverse_resolve(
    _ chain: OpaquePointer?,
    _ query: UnsafeMutablePointer<lamina_reverse_arguments>?,
    _ request: UnsafeMutablePointer<lamina_request>?
) -> lamina_status {
    guard let chain, let query, let request else { return -EINVAL }
    return Handle<Chain>.of(chain).object.reverseResolve(query, request: request)
}

/// The addresses of a name and a service.
@c @implementation
public func lamina_wait_look_up(
    _ chain: OpaquePointer?,
    _ name: UnsafePointer<CChar>?,
    _ service: UnsafePointer<CChar>?,
    _ family: Int32,
    _ flags: UInt32,
    _ addresses: UnsafeMutablePointer<lamina_address>?,
    _ capacity: Int,
    _ canonical: UnsafeMutablePointer<CChar>?,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let chain = Handle<Chain>.of(try given(chain, "chain")).object
        let room = try given(addresses, "addresses")
        let question = try NameQuestion(
            try text(name, "name"),
            service: service.map { String(cString: $0) } ?? "0",
            family: family,
            options: NameQuestion.Options(rawValue: flags)
        )
        let found = try chain.lookUp(question, deadline: deadline)
        let count = write(found.addresses, to: room, capacity)
        if let canonical {
            let text = (found.canonicalName ?? "").utf8CString
            for (index, byte) in text.prefix(Int(LAMINA_NAME_CAPACITY)).enumerated() { canonical[index] = byte }
        }
        return count
    }
}

/// The name of an address.
@c @implementation
public func lamina_wait_name(
    _ chain: OpaquePointer?,
    _ address: UnsafePointer<lamina_address>?,
    _ flags: UInt32,
    _ name: UnsafeMutablePointer<CChar>?,
    _ capacity: Int,
    _ deadline: Int64,
    _ error: UnsafeMutablePointer<lamina_error>?
) -> Int {
    answer(error) { () throws(LaminaError) in
        let chain = Handle<Chain>.of(try given(chain, "chain")).object
        let address = Address(try given(address, "address").pointee)
        let room = try given(name, "name")
        let found = try chain.name(of: address, flags: Int32(bitPattern: flags), deadline: deadline).utf8CString
        guard found.count <= capacity else {
            throw LaminaError(.invalidArgument, "capacity", "is too small", errno: ENOBUFS)
        }
        for (index, byte) in found.enumerated() { room[index] = byte }
        return found.count - 1
    }
}
