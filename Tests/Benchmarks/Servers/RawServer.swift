import CLamina
import CLinux
import Glibc

/// The services by system calls alone: one thread in an epoll loop, sockets that don't block.
final class RawServer: Server, @unchecked Sendable {
    // Used by its thread, and by `stop` once that has ended.
    private let poll: Int32
    private let end: Int32
    private let listeners: [Service: (descriptor: Int32, port: UInt16)]
    private var thread: PinnedThread?
    /// By descriptor.
    private var connections: [Int32: RawConnection] = [:]
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Service.blockSize, alignment: 64)

    init() throws {
        poll = clinux_epoll_create()
        end = clinux_eventfd()
        var listeners: [Service: (Int32, UInt16)] = [:]
        for service in Service.allCases {
            let type = service == .datagrams || service == .datagramBatches ? SOCK_DGRAM : SOCK_STREAM
            let (descriptor, port) = try RawPair.bound(Int32(type.rawValue))
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            listeners[service] = (descriptor, port)
            _ = clinux_epoll_add(poll, descriptor, UInt32(clinux_epoll_in), UInt64(descriptor))
        }
        self.listeners = listeners
        _ = clinux_epoll_add(poll, end, UInt32(clinux_epoll_in), UInt64(end))
        thread = try PinnedThread(on: 0) { self.serve() }
    }

    func port(of service: Service) -> UInt16 { listeners[service]?.port ?? 0 }

    func stop() {
        clinux_eventfd_signal(end)
        thread?.join()
        thread = nil
        for descriptor in connections.keys { close(descriptor) }
        for descriptor in listeners.values.map(\.descriptor) + [poll, end] { close(descriptor) }
        room.deallocate()
    }

    private func serve() {
        let batch = RawDatagramBatch(Service.batch)
        var services: [Int32: Service] = [:]
        for (service, listener) in listeners { services[listener.descriptor] = service }
        var events = [clinux_epoll_event](repeating: clinux_epoll_event(), count: 64)
        while true {
            let count = clinux_epoll_wait(poll, &events, 64, -1)
            for event in events.prefix(Int(max(count, 0))) {
                let descriptor = Int32(event.identity)
                if let connection = connections[descriptor] {
                    guard !connection.run(room) else { continue }
                    connections[descriptor] = nil
                    close(descriptor)
                } else if descriptor == end {
                    return
                } else if let service = services[descriptor] {
                    switch service {
                    case .datagrams: Self.echoOneByOne(descriptor, room)
                    case .datagramBatches: batch.echo(descriptor)
                    case .echo, .take, .give: accept(descriptor, service)
                    }
                }
            }
        }
    }

    private func accept(_ listener: Int32, _ service: Service) {
        let accepted = clinux_raw_accept(listener, nil, nil)
        guard accepted >= 0 else { return }
        RawPair.sendAtOnce(accepted)
        connections[accepted] = RawConnection(accepted, service, poll)
        _ = clinux_epoll_add(poll, accepted, UInt32(clinux_epoll_in), UInt64(accepted))
    }

    private static func echoOneByOne(_ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer) {
        var sender = sockaddr_storage()
        withUnsafeMutablePointer(to: &sender) { sender in
            sender.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
                while true {
                    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
                    let count = recvfrom(descriptor, room.baseAddress, room.count, 0, sender, &length)
                    guard count >= 0 else { return }
                    _ = sendto(descriptor, room.baseAddress, count, Int32(MSG_NOSIGNAL), sender, length)
                }
            }
        }
    }
}

/// One connection of the server.
private final class RawConnection {
    private let descriptor: Int32
    private let service: Service
    private let poll: Int32
    /// Bytes that are still to come or to be sent.
    private var rest = 0
    private var isBlocked = false

    init(_ descriptor: Int32, _ service: Service, _ poll: Int32) {
        self.descriptor = descriptor
        self.service = service
        self.poll = poll
    }

    /// Does what can be done at once; false where the connection has ended.
    func run(_ room: UnsafeMutableRawBufferPointer) -> Bool {
        if service == .give, rest > 0 { return give(room) }
        let count = recv(descriptor, room.baseAddress, room.count, 0)
        guard count > 0 else { return count < 0 && errno == EAGAIN }
        switch service {
        case .take:
            rest -= count
            if rest <= -Service.headSize { rest += room.loadUnaligned(as: Int.self) + Service.headSize }
            guard rest == 0 else { return true }
            return send(descriptor, room.baseAddress, 1, Int32(MSG_NOSIGNAL)) == 1
        case .give:
            rest = room.loadUnaligned(as: Int.self)
            return give(room)
        default:
            return send(descriptor, room.baseAddress, count, Int32(MSG_NOSIGNAL)) == count
        }
    }

    private func give(_ room: UnsafeMutableRawBufferPointer) -> Bool {
        while rest > 0 {
            let count = send(descriptor, room.baseAddress, min(rest, room.count), Int32(MSG_NOSIGNAL))
            guard count > 0 else {
                wait(for: clinux_epoll_out, isBlocked: true)
                return errno == EAGAIN
            }
            rest -= count
        }
        wait(for: clinux_epoll_in, isBlocked: false)
        return true
    }

    private func wait(for events: Int, isBlocked now: Bool) {
        guard now != isBlocked else { return }
        isBlocked = now
        _ = clinux_epoll_change(poll, descriptor, UInt32(events), UInt64(descriptor))
    }
}
