import CLamina
import CLinux
import Glibc
import Lamina
import Testing

@Suite("What travels beside datagrams", .serialized)
struct ControlDataTests {
    /// Options and types that Swift can't import.
    private static let segment: Int32 = 103  // UDP_SEGMENT
    private static let coalescing: Int32 = 104  // UDP_GRO
    private static let arrival: Int32 = 35  // SO_TIMESTAMPNS
    private static let sending: Int32 = 37  // SO_TIMESTAMPING
    private static let ip = Int32(IPPROTO_IP)
    private static let ipv6 = Int32(IPPROTO_IPV6)
    private static let udp = Int32(IPPROTO_UDP)
    /// Traffic classes: 46 with ECN's ECT(1), and 11.
    private static let expedited: Int32 = 0xB9
    private static let assured: Int32 = 0x2C

    /// A datagram socket, and one that sends to it.
    private struct Ends {
        let receiver: Socket
        let sender: Socket
        let target: Address
        let isIPv6: Bool

        init(_ chain: Chain, _ host: String) throws {
            isIPv6 = host.contains(":")
            let family = isIPv6 ? AF_INET6 : AF_INET
            receiver = try chain.open(.datagram(family))
            sender = try chain.open(.datagram(family))
            for socket in [receiver, sender] { try socket.waiting.bind(to: Address(host: host, port: 0)) }
            target = try receiver.waiting.localAddress()
        }

        func close() throws {
            for socket in [receiver, sender] { try socket.waiting.close() }
        }
    }

    @Test(
        "Packet information, traffic class with ECN, hop limit and arrival time are told where they are wanted",
        arguments: BaseProvider.allCases,
        ["127.0.0.1", "::1"]
    )
    func told(base: BaseProvider, host: String) throws {
        let ends = try Ends(try base.chain(), host)
        let receiver = ends.receiver.waiting
        let silent = { () throws -> [ControlData] in
            try ends.sender.waiting.send([0], to: ends.target)
            return try receiver.receiveDatagram(control: 256, deadline: soon()).control
        }
        #expect(try silent().isEmpty)
        let before = time(nil)
        let options =
            ends.isIPv6
            ? [(Self.ipv6, IPV6_RECVPKTINFO), (Self.ipv6, IPV6_RECVTCLASS), (Self.ipv6, IPV6_RECVHOPLIMIT)]
            : [(Self.ip, IP_PKTINFO), (Self.ip, IP_RECVTOS), (Self.ip, IP_RECVTTL)]
        for (level, option) in options + [(SOL_SOCKET, Self.arrival)] {
            try receiver.setOption(level, option, to: 1)
            #expect(try receiver.option(level, option) == 1)
        }
        let (level, traffic, hops) =
            ends.isIPv6 ? (Self.ipv6, IPV6_TCLASS, IPV6_HOPLIMIT) : (Self.ip, IP_TOS, IP_TTL)
        try ends.sender.waiting.send(
            [1],
            to: ends.target,
            control: [
                ControlData(level: level, type: traffic, value: Self.expedited),
                ControlData(level: level, type: hops, value: 7),
            ]
        )
        let datagram = try receiver.receiveDatagram(control: 256, deadline: soon())
        #expect(datagram.bytes == [1] && datagram.flags == 0)
        #expect(datagram.control(level, traffic)?.value == Self.expedited)
        #expect(datagram.control(level, hops)?.value == 7)
        let info = try #require(datagram.control(level, ends.isIPv6 ? IPV6_PKTINFO : IP_PKTINFO)).bytes
        let destination = ends.isIPv6 ? Array(info[..<16]) : Array(info[8..<12])
        #expect(destination == ends.target.network?.bytes)
        let arrival = try #require(datagram.control(SOL_SOCKET, Self.arrival)).bytes
        let seconds = arrival.withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
        #expect(arrival.count == 16 && seconds >= before && seconds <= time(nil))
        // What stands in for all datagrams of a socket.
        try ends.sender.waiting.setOption(level, traffic, to: Self.assured)
        #expect(try ends.sender.waiting.option(level, traffic) == Self.assured)
        try ends.sender.waiting.send([2], to: ends.target)
        let second = try receiver.receiveDatagram(control: 256, deadline: soon())
        #expect(second.control(level, traffic)?.value == Self.assured)
        for (level, option) in options + [(SOL_SOCKET, Self.arrival)] { try receiver.setOption(level, option, to: 0) }
        #expect(try silent().isEmpty)
        try ends.close()
    }

    @Test(
        "A datagram is sent from the address that its packet information names; too little room for control data is told",
        arguments: BaseProvider.allCases
    )
    func source(base: BaseProvider) throws {
        let chain = try base.chain()
        let ends = try Ends(chain, "127.0.0.1")
        let anywhere = try chain.open(.datagram())
        try anywhere.waiting.bind(to: Address(host: "0.0.0.0", port: 0))
        var info = [UInt8](repeating: 0, count: 12)
        info.replaceSubrange(4..<8, with: [127, 0, 0, 9])
        let from = ControlData(level: Self.ip, type: IP_PKTINFO, bytes: info)
        try anywhere.waiting.send([1], to: ends.target, control: [from])
        let datagram = try ends.receiver.waiting.receiveDatagram(deadline: soon())
        #expect(datagram.sender?.network?.bytes == [127, 0, 0, 9])
        try ends.receiver.waiting.setOption(Self.ip, IP_PKTINFO, to: 1)
        try ends.receiver.waiting.setOption(Self.ip, IP_RECVTTL, to: 1)
        try anywhere.waiting.send([2], to: ends.target)
        let cut = try ends.receiver.waiting.receiveDatagram(control: 32, deadline: soon())
        #expect(cut.flags & UInt32(LAMINA_MESSAGE_CONTROL_TRUNCATED) != 0 && cut.control.count == 1)
        try anywhere.waiting.close()
        try ends.close()
    }

    @Test("Indicated datagrams carry the same", arguments: BaseProvider.allCases)
    func indicated(base: BaseProvider) throws {
        let ends = try Ends(try base.chain(), "127.0.0.1")
        try ends.receiver.waiting.setOption(Self.ip, IP_RECVTOS, to: 1)
        let client = EventClient()
        try client.attach(to: ends.receiver)
        try ends.receiver.enable([LAMINA_INDICATION_RECEIVE_FROM])
        try ends.sender.waiting.send(
            [1],
            to: ends.target,
            control: [ControlData(level: Self.ip, type: IP_TOS, value: 2)]
        )
        #expect(try client.datagrams(1).first?.control.first?.value == 2)
        try ends.close()
    }

    @Test("Tasks send and receive it too", arguments: BaseProvider.allCases)
    func tasks(base: BaseProvider) async throws {
        let ends = try Ends(try base.chain(), "127.0.0.1")
        try ends.receiver.waiting.setOption(Self.ip, IP_RECVTTL, to: 1)
        async let datagram = ends.receiver.receiveDatagram(control: 64)
        let hops = ControlData(level: Self.ip, type: IP_TTL, value: 33)
        try await ends.sender.send([1], to: ends.target, control: [hops])
        #expect(try await datagram.control(Self.ip, IP_TTL)?.value == 33)
        for socket in [ends.sender, ends.receiver] { try await socket.closed() }
    }

    @Test("Many datagrams carry each their own", arguments: BaseProvider.allCases)
    func many(base: BaseProvider) throws {
        let ends = try Ends(try base.chain(), "127.0.0.1")
        try ends.receiver.waiting.setOption(Self.ip, IP_RECVTTL, to: 1)
        var target = ends.target.c
        var pieces = [UInt8](repeating: 0, count: 48)
        pieces.withUnsafeMutableBytes { pieces in
            for index in 0..<2 {
                var (used, hops) = (0, Int32(10 + index))
                let place = pieces.baseAddress.map { $0 + 24 * index }
                #expect(place.map { lamina_control_append($0, 24, &used, Self.ip, IP_TTL, &hops, 4) } == 0)
            }
            withBuffers(["a", "b"]) { buffers, count in
                var messages = (0..<Int(count)).map { index in
                    var message = lamina_message()
                    message.buffers = UnsafePointer(buffers + index)
                    message.buffer_count = 1
                    message.control = pieces.baseAddress.map { $0 + 24 * index }
                    message.control_length = 24
                    return message
                }
                withUnsafeMutablePointer(to: &target) { target in
                    for index in messages.indices { messages[index].address = target }
                    #expect(throws: Never.self) {
                        try ends.sender.waiting.perform("send") {
                            lamina_socket_send_messages(ends.sender.handle, &messages, count, 0, $0)
                        }
                    }
                }
            }
        }
        for hops in [10, 11] as [Int32] {
            let datagram = try ends.receiver.waiting.receiveDatagram(control: 64, deadline: soon())
            #expect(datagram.control(Self.ip, IP_TTL)?.value == hops)
        }
        try ends.close()
    }

    @Test("The kernel cuts one send into datagrams, and joins those that came", arguments: ["127.0.0.1", "::1"])
    func segments(host: String) throws {
        let ends = try Ends(try BaseProvider.kernel.chain(), host)
        let size = ControlData(level: Self.udp, type: Self.segment, bytes: [100, 0])
        let bytes = (0..<250).map { UInt8($0) }
        try ends.sender.waiting.send(bytes, to: ends.target, control: [size])
        for length in [100, 100, 50] {
            #expect(try ends.receiver.waiting.receiveDatagram(deadline: soon()).bytes.count == length)
        }
        try ends.receiver.waiting.setOption(Self.udp, Self.coalescing, to: 1)
        try ends.sender.waiting.send(bytes, to: ends.target, control: [size])
        let joined = try ends.receiver.waiting.receiveDatagram(control: 64, deadline: soon())
        #expect(joined.bytes == bytes)
        #expect(joined.control(Self.udp, Self.coalescing)?.value == 100)
        // As a setting of the socket.
        try ends.receiver.waiting.setOption(Self.udp, Self.coalescing, to: 0)
        try ends.sender.waiting.setOption(Self.udp, Self.segment, to: 200)
        try ends.sender.waiting.send(bytes, to: ends.target)
        for length in [200, 50] {
            #expect(try ends.receiver.waiting.receiveDatagram(deadline: soon()).bytes.count == length)
        }
        try ends.close()
    }

    @Test("Reports tell when a datagram left, and which one nobody took; a receive that waits meanwhile sleeps")
    func reports() async throws {
        let chain = try BaseProvider.kernel.chain()
        let ends = try Ends(chain, "127.0.0.1")
        let sender = ends.sender
        let limit = soon()
        #expect(try sender.waiting.report() == nil)
        // SOF_TIMESTAMPING_TX_SOFTWARE and _SOFTWARE.
        try sender.waiting.setOption(SOL_SOCKET, Self.sending, to: 1 << 1 | 1 << 4)
        async let answer = sender.receiveDatagram()
        try sender.waiting.send([1, 2, 3], to: ends.target)
        #expect(try ends.receiver.waiting.receiveDatagram(deadline: soon()).bytes == [1, 2, 3])
        var report: Datagram?
        while report == nil, clinux_monotonic() < limit { report = try sender.waiting.report() }
        // SCM_TIMESTAMPING; loopback gives the datagram back as it was on the wire.
        #expect(report?.control(SOL_SOCKET, Self.sending) != nil)
        #expect(report?.bytes.suffix(3) == [1, 2, 3])
        try ends.receiver.waiting.send([4], to: try sender.waiting.localAddress())
        #expect(try await answer.bytes == [4])
        try sender.waiting.setOption(SOL_SOCKET, Self.sending, to: 0)
        try sender.waiting.setOption(Self.ip, IP_RECVERR, to: 1)
        let closed = try chain.open(.datagram())
        try closed.waiting.bind(to: Address(host: "127.0.0.1", port: 0))
        let nobody = try closed.waiting.localAddress()
        try await closed.closed()
        try sender.waiting.send([7], to: nobody)
        report = nil
        while report == nil, clinux_monotonic() < limit { report = try sender.waiting.report() }
        // struct sock_extended_err begins with the errno.
        let error = try #require(report?.control(Self.ip, IP_RECVERR))
        #expect(error.bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) } == UInt32(ECONNREFUSED))
        #expect(report?.bytes == [7])
        for socket in [ends.sender, ends.receiver] { try await socket.closed() }
    }

    @Test("Fragmentation, the sending interface and broadcast are the kernel's options")
    func options() throws {
        let ends = try Ends(try BaseProvider.kernel.chain(), "127.0.0.1")
        let sender = ends.sender.waiting
        for (level, option, value) in [
            (Self.ip, IP_MTU_DISCOVER, IP_PMTUDISC_DO), (Self.ip, IP_RECVERR, 1), (SOL_SOCKET, SO_BROADCAST, 1),
        ] {
            try sender.setOption(level, option, to: value)
            #expect(try sender.option(level, option) == value)
        }
        // The loopback interface, in network byte order.
        try sender.setOption(Self.ip, 50, to: Int32(1).bigEndian)
        #expect(try sender.option(Self.ip, 50) == Int32(1).bigEndian)
        try ends.close()
    }

    @Test("What the memory base doesn't carry is not supported, and the datagram isn't sent")
    func uncarried() throws {
        let ends = try Ends(try BaseProvider.memory.chain(), "127.0.0.1")
        let size = ControlData(level: Self.udp, type: Self.segment, bytes: [100, 0])
        let error = #expect(throws: LaminaError.self) {
            try ends.sender.waiting.send([1], to: ends.target, control: [size])
        }
        #expect(error?.code == .notSupported)
        for (level, option) in [(Self.udp, Self.segment), (Self.udp, Self.coalescing), (Self.ip, IP_RECVERR)] {
            let refused = #expect(throws: LaminaError.self) { try ends.sender.waiting.setOption(level, option, to: 1) }
            #expect(refused?.errno == ENOPROTOOPT)
        }
        #expect(try ends.sender.waiting.report() == nil)
        try ends.close()
    }

    @Test("Control data that can't be read are refused", arguments: BaseProvider.allCases)
    func unreadable(base: BaseProvider) throws {
        let ends = try Ends(try base.chain(), "127.0.0.1")
        let control = UnsafeMutableRawBufferPointer.allocate(byteCount: 24, alignment: 16)
        defer { control.deallocate() }
        // A length of 8, less than the header.
        control.initializeMemory(as: UInt8.self, repeating: 0)
        control.storeBytes(of: 8, as: Int.self)
        var target = ends.target.c
        let error = #expect(throws: LaminaError.self) {
            try withBuffers(["x"]) { buffers, _ throws in
                try withUnsafeMutablePointer(to: &target) { target in
                    var message = lamina_message()
                    message.buffers = UnsafePointer(buffers)
                    message.buffer_count = 1
                    message.address = target
                    message.control = control.baseAddress
                    message.control_length = 24
                    try ends.sender.waiting.perform("send") {
                        lamina_socket_send_to(ends.sender.handle, &message, 0, $0)
                    }
                }
            }
        }
        #expect(error?.errno == EINVAL)
        try ends.close()
    }
}
