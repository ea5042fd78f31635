import CLamina
import CLinux
import Glibc
import Lamina

/// Arguments that are legal and odd, or plain wrong: each call ends, whatever it answers.
enum OddArgumentChecks {
    static func check(_ subject: Subject) throws {
        try checkAll(
            { try subject.onLoopback { try streams($0) } },
            { try subject.onLoopback { try datagrams($0) } },
            { try subject.everywhere { try addresses($0) } },
            { try subject.everywhere { try controls($0) } }
        )
    }

    private static func make(
        _ entry: String,
        _ what: String,
        _ rig: Rig,
        _ body: @escaping (Request) -> lamina_status
    ) throws -> Call.End {
        // Told before, because the call may be the process's last.
        Report.tell("\(entry) \(what)")
        let call = Call("\(entry) \(what)")
        call.make(body)
        return try call.needEnd(rig.place)
    }

    // MARK: - Buffers

    private static func streams(_ rig: Rig) throws {
        let pair = try rig.pair()
        let bytes = TransferChecks.pattern(1_500)
        let ask = Ask(LAMINA_ENTRY_SEND, payload: bytes)
        let many = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: bytes.count)
        defer { many.deallocate() }
        let base = ask.room.pointee.base
        for index in bytes.indices { many[index] = lamina_buffer(base: base.map { $0 + index }, length: 1) }
        let empty = UnsafeMutablePointer<lamina_buffer>.allocate(capacity: 4)
        defer { empty.deallocate() }
        empty.initialize(repeating: lamina_buffer(base: nil, length: 0), count: 4)
        _ = try make("send", "of no buffers", rig) { lamina_socket_send(pair.client, empty, 0, 0, $0) }
        _ = try make("send", "of empty buffers", rig) { lamina_socket_send(pair.client, empty, 4, 0, $0) }
        let sent = try make("send", "of \(bytes.count) buffers", rig) {
            lamina_socket_send(pair.client, many, UInt32(bytes.count), 0, $0)
        }
        let room = Ask(LAMINA_ENTRY_RECEIVE, payload: Array(repeating: 0, count: bytes.count))
        let roomBase = room.room.pointee.base
        for index in bytes.indices { many[index].base = roomBase.map { $0 + index } }
        let all = UInt32(LAMINA_RECEIVE_WAIT_ALL)
        if sent.status >= 0 {
            let received = try make("receive", "into \(bytes.count) buffers", rig) {
                lamina_socket_receive(pair.server, many, UInt32(bytes.count), all, $0)
            }
            guard received.status < 0 || room.content == bytes else {
                throw Finding(
                    "receive",
                    "\(rig.place): \(bytes.count) bytes in as many buffers arrived as \(received.bytes), or changed",
                    "go on where one system call takes only some of the buffers"
                )
            }
        }
        let end = Call("disconnect")
        end.make { lamina_socket_disconnect(pair.client, empty, 4, 0, $0) }
        _ = try end.needEnd(rig.place)
        // Behind the end of the stream nothing waits.
        for (count, flags) in [(0, 0), (4, 0), (0, LAMINA_RECEIVE_PEEK), (4, LAMINA_RECEIVE_DRAIN)] {
            _ = try make("receive", "into \(count) empty buffers", rig) {
                lamina_socket_receive(pair.server, empty, UInt32(count), UInt32(flags), $0)
            }
        }
        pair.close()
    }

    private static func datagrams(_ rig: Rig) throws {
        let (one, two, address) = try rig.datagrams()
        let message = UnsafeMutablePointer<lamina_message>.allocate(capacity: 1)
        let target = UnsafeMutablePointer<lamina_address>.allocate(capacity: 1)
        defer {
            message.deallocate()
            target.deallocate()
        }
        target.initialize(to: address)
        message.initialize(to: lamina_message())
        _ = try make("send_to", "of nothing to nobody", rig) { lamina_socket_send_to(one, message, 0, $0) }
        message.pointee.address = target
        _ = try make("send_to", "of an empty datagram", rig) { lamina_socket_send_to(one, message, 0, $0) }
        let short: [UInt8] = [1]
        try short.withUnsafeBytes { bytes in
            message.pointee.control = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
            message.pointee.control_length = bytes.count
            _ = try make("send_to", "with control data of one byte", rig) { lamina_socket_send_to(one, message, 0, $0) }
        }
        message.initialize(to: lamina_message())
        _ = try make("send_messages", "of none", rig) { lamina_socket_send_messages(one, message, 0, 0, $0) }
        _ = try make("receive_messages", "of none", rig) { lamina_socket_receive_messages(two, message, 0, 0, $0) }
        // Something is there, at least this.
        let ask = Ask(LAMINA_ENTRY_SEND_TO, address: address)
        _ = try rig.need(ask.name) { ask.issue(one, $0) }
        _ = try make("receive_from", "into nothing", rig) { lamina_socket_receive_from(two, message, 0, $0) }
        rig.close(one)
        rig.close(two)
    }

    // MARK: - Addresses

    private static let odd: [(what: String, address: lamina_address)] = {
        func make(_ what: String, _ form: Int, _ length: Int, family: Int32 = 0, fill: UInt8 = 0) -> (
            String, lamina_address
        ) {
            var address = lamina_address()
            memset(&address.storage, Int32(fill), MemoryLayout.size(ofValue: address.storage))
            address.form = UInt16(form)
            address.length = UInt32(truncatingIfNeeded: length)
            if form == LAMINA_ADDRESS_SOCKET { address.storage.socket.sa_family = sa_family_t(family) }
            return (what, address)
        }
        let (socket, name) = (LAMINA_ADDRESS_SOCKET, LAMINA_ADDRESS_NAME)
        return [
            make("an empty address", LAMINA_ADDRESS_NONE, 0), make("an address of an unknown form", 99, 16),
            make("a socket address of no bytes", socket, 0, family: AF_INET),
            make("a socket address of one byte", socket, 1, family: AF_INET),
            make("half an IPv4 address", socket, 8, family: AF_INET),
            make("half an IPv6 address", socket, 16, family: AF_INET6),
            make("a socket address of 4 GiB", socket, -1, family: AF_INET),
            make("an address of an unknown family", socket, 16, family: 255),
            make("a Unix address without a path", socket, 2, family: AF_UNIX),
            make("a Unix address without its NUL", socket, 110, family: AF_UNIX, fill: UInt8(ascii: "/")),
            make("a Unix address that is too long", socket, 256, family: AF_UNIX, fill: UInt8(ascii: "/")),
            make("a name of no bytes", name, 0),
        ]
    }()

    private static func addresses(_ rig: Rig) throws {
        for category in [SocketCategories.connection, .datagram, .listen] where rig.subject.has(category) {
            for (what, address) in odd {
                let socket = try rig.open(category)
                let address = address
                let bind = Ask(LAMINA_ENTRY_BIND, address: address)
                _ = try make("bind", "to \(what)", rig) { bind.issue(socket, $0) }
                if category == .datagram {
                    let send = Ask(LAMINA_ENTRY_SEND_TO, address: address)
                    _ = try make("send_to", "to \(what)", rig) { send.issue(socket, $0) }
                }
                if category != .listen {
                    let connect = Ask(LAMINA_ENTRY_CONNECT, address: address)
                    _ = try make("connect", "to \(what)", rig) { connect.issue(socket, $0) }
                }
                rig.close(socket)
            }
        }
    }

    // MARK: - Control

    private static func controls(_ rig: Rig) throws {
        for category in [SocketCategories.connection, .datagram, .listen] where rig.subject.has(category) {
            let socket = try rig.open(category)
            let value = UnsafeMutablePointer<Int32>.allocate(capacity: 4)
            let operation = UnsafeMutablePointer<lamina_operation>.allocate(capacity: 1)
            defer {
                value.deallocate()
                operation.deallocate()
            }
            value.initialize(repeating: 1, count: 4)
            func control(_ what: String, _ kind: Int, _ change: (inout lamina_operation) -> Void) throws {
                operation.initialize(to: lamina_operation())
                operation.pointee.size = UInt32(MemoryLayout<lamina_operation>.size)
                operation.pointee.kind = UInt32(kind)
                operation.pointee.level = SOL_SOCKET
                operation.pointee.code = UInt32(SO_KEEPALIVE)
                change(&operation.pointee)
                _ = try make("control", what, rig) { lamina_socket_control(socket, operation, $0) }
            }
            try control("that sets an option to nothing", LAMINA_CONTROL_SET_OPTION) { _ in }
            try control("that sets an option to one byte", LAMINA_CONTROL_SET_OPTION) {
                $0.input = UnsafeRawPointer(value)
                $0.input_length = 1
            }
            try control("that gets an option into nothing", LAMINA_CONTROL_GET_OPTION) { _ in }
            try control("that gets an option into one byte", LAMINA_CONTROL_GET_OPTION) {
                $0.output = UnsafeMutableRawPointer(value)
                $0.output_capacity = 1
            }
            try control("that gets an unknown option", LAMINA_CONTROL_GET_OPTION) {
                $0.level = -1
                $0.code = .max
                $0.output = UnsafeMutableRawPointer(value)
                $0.output_capacity = 16
            }
            try control("of an unknown ioctl", LAMINA_CONTROL_IOCTL) { $0.code = .max }
            try control("for an extension without a name", LAMINA_CONTROL_EXTENSION) { _ in }
            try control("of kind 0", 0) { _ in }
            _ = try make("enable_indications", "of nothing", rig) {
                lamina_socket_enable_indications(socket, 0, 0, $0)
            }
            _ = try make("enable_indications", "of all bits", rig) {
                lamina_socket_enable_indications(socket, .max, .max, $0)
            }
            rig.close(socket)
        }
    }
}
