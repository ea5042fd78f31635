import CLamina
import Glibc

/// Bind, and the two addresses of a base's sockets.
enum BaseNames {
    static func bind(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafePointer<lamina_address>,
        _ flags: UInt32,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base, let type = socket.own.binds else {
            return lamina_complete(slot, request, -EBADF, 0)
        }
        guard flags == 0, Address(address.pointee).isWhole,
            socket.marks.isDisjoint(with: [.connecting, .connected, .listening]), socket.mark(.bound)
        else { return lamina_complete(slot, request, -EINVAL, 0) }
        do throws(Failure) { try type.bind(socket, Address(address.pointee)) } catch {
            socket.unmark(.bound)
            return lamina_complete(slot, request, -error.errno, 0)
        }
        return lamina_complete(slot, request, 0, 0)
    }

    static func local(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        address.pointee = socket.localAddress
        return lamina_complete(slot, request, 0, 0)
    }

    static func remote(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ address: UnsafeMutablePointer<lamina_address>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard let socket = slot.base else { return lamina_complete(slot, request, -EBADF, 0) }
        guard let peer = socket.remoteAddress else { return lamina_complete(slot, request, -ENOTCONN, 0) }
        address.pointee = peer
        return lamina_complete(slot, request, 0, 0)
    }
}

extension UnsafeMutablePointer<BaseSocket> {
    /// The socket's own address, or its family's unspecified one.
    var localAddress: lamina_address {
        if let own = own.knowsAddresses?.addresses(self).local { return own }
        return lamina_address(unspecified: pointee.family)
    }

    /// The peer's address; nil where there is none.
    var remoteAddress: lamina_address? {
        guard marks.contains(.connected) else { return nil }
        if let part = pointee.datagrams {
            group.lock()
            defer { group.unlock() }
            return part.pointee.remote
        }
        guard let type = own.knowsAddresses else { return pointee.peer }
        return type.addresses(self).remote
    }
}

extension lamina_address {
    /// The address of a socket that has none, of a family.
    fileprivate init(unspecified family: Int32) {
        self.init()
        form = UInt16(LAMINA_ADDRESS_SOCKET)
        switch family {
        case AF_INET6: length = UInt32(MemoryLayout<sockaddr_in6>.size)
        case AF_UNIX: length = UInt32(MemoryLayout<sa_family_t>.size)
        default: length = UInt32(MemoryLayout<sockaddr_in>.size)
        }
        storage.socket.sa_family = sa_family_t(family == AF_UNSPEC ? AF_INET : family)
    }
}

extension Binds where Self: ~Copyable {
    fileprivate static func bind(_ socket: UnsafeMutablePointer<BaseSocket>, _ address: Address) throws(Failure) {
        try socket.value(Self.self).pointee.bind(address, socket.state(of: Self.self).pointee)
    }
}

extension KnowsAddresses where Self: ~Copyable {
    fileprivate static func addresses(
        _ socket: UnsafeMutablePointer<BaseSocket>
    ) -> (local: lamina_address?, remote: lamina_address?) {
        let (value, state) = (socket.value(Self.self), socket.state(of: Self.self))
        return (value.pointee.localAddress(state.pointee)?.c, value.pointee.remoteAddress(state.pointee)?.c)
    }
}
