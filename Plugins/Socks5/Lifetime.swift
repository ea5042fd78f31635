import CLamina
import Glibc
import LaminaProvider

/// How a socket's part begins and ends.
enum Lifetime {
    static func open(
        _ slot: Slot,
        _ asked: UnsafePointer<lamina_open_arguments>,
        _ request: Request
    ) -> lamina_status {
        let isAccepted = asked.pointee.flags & UInt32(LAMINA_OPEN_FROM_BELOW) != 0
        // The protocol's way for datagrams is another one; past the server they must not go.
        guard asked.pointee.category != UInt32(LAMINA_DATAGRAM) else {
            return lamina_complete(slot, request, -EOPNOTSUPP, 0)
        }
        guard let server = ProxyServer.of(slot), UnsafeMutablePointer<Dial>.begin(slot, isConnected: isAccepted),
            lamina_push(slot, request, opened, nil) != nil
        else {
            slot.dial?.end()
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        var below = asked.pointee
        // The server may be of another family than the destination.
        let isInternet = below.family == AF_INET || below.family == AF_INET6
        if isInternet, !isAccepted, server.family != below.family { below.family = AF_UNSPEC }
        return withUnsafePointer(to: below) { lamina_open(slot, $0, request) }
    }

    private static let opened: lamina_completion = { slot, request, _ in
        if request.pointee.status < 0 { slot?.dial?.end() }
        return 0
    }

    static func close(_ slot: Slot, _ request: Request) -> lamina_status {
        if let dial = slot.dial, dial.isClosedLater(request) { return LAMINA_PENDING }
        return closeBelow(slot, request)
    }

    /// Closes the levels below, and then ends this one's part.
    static func closeBelow(_ slot: Slot, _ request: Request) -> lamina_status {
        guard lamina_push(slot, request, closed, nil) != nil else {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        return lamina_close(slot, request)
    }

    private static let closed: lamina_completion = { slot, _, _ in
        slot?.dial?.end()
        return 0
    }
}
