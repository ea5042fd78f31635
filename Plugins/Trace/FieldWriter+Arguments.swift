import CLamina
import Glibc
import LaminaProvider

extension FieldWriter {
    /// What the caller asked for.
    mutating func arguments(of operation: Operation) {
        switch operation.said {
        case .open(let family, let type, let category, let isInbound): opening(family, type, category, isInbound)
        case .control(let kind, let level, let code, let value, let size): control(kind, level, code, value, size)
        case .address(let destination, let isSendOnly):
            address("address", destination)
            if isSendOnly { flag("send_only") }
        case .backlog(let count): number("backlog", Int64(count), before: "backlog ")
        case .verdict(let action): verdict("action", action)
        case .send(let size, let isUrgent):
            count("size", UInt64(size), of: "byte")
            if isUrgent { flag("urgent") }
        case .sendTo(let destination, let size, let datagrams):
            address("address", destination)
            if let datagrams { count("messages", UInt64(datagrams), of: "datagram") }
            count("size", UInt64(size), of: "byte")
        case .receive(let size, let flags, _):
            count("size", UInt64(size), before: "up to ", of: "byte")
            receiveFlags(flags)
        case .receiveMessages(let datagrams):
            count("messages", UInt64(datagrams), before: "up to ", of: "datagram")
        case .disconnect(let how, let size):
            word("direction", Self.direction(how))
            if size > 0 { count("size", UInt64(size), of: "byte") }
        case .indications(let on, let off):
            indications("on", on)
            indications("off", off)
        case .state(let size): count("size", UInt64(size), of: "byte")
        case .nothing, .accepted, .data, .datagrams, .end, .ideal: break
        }
    }

    /// What an event says.
    mutating func event(_ operation: Operation) {
        switch operation.said {
        case .accepted(let socket, let source):
            number("accepted", Int64(clamping: socket), before: "#")
            address("address", source, before: "from ")
        case .address(let source, _): address("address", source, before: "from ")
        case .data(let size): count("size", UInt64(size), of: "byte")
        case .datagrams(let datagrams, let size, let source):
            count("messages", UInt64(datagrams), of: "datagram")
            count("size", UInt64(size), of: "byte")
            address("address", source, before: "from ")
        case .end(let isAbortive, let reason):
            word("how", isAbortive ? "abortive" : "graceful")
            if reason < 0 { quoted("reason") { $0.append(errno: reason) } }
        case .ideal(let bytes): count("ideal", bytes, of: "byte")
        default: break
        }
    }

    /// `reject`, `accept` or `pend`.
    mutating func verdict(_ name: StaticString, _ verdict: InspectionVerdict) {
        switch verdict {
        case .reject: word(name, "reject")
        case .accept: word(name, "accept")
        case .pend: word(name, "pend")
        }
    }

    private mutating func opening(
        _ family: Int32,
        _ type: Int32,
        _ category: LayerDescription.Categories,
        _ isInbound: Bool
    ) {
        switch family {
        case AF_INET: word("family", "inet")
        case AF_INET6: word("family", "inet6")
        case AF_UNIX: word("family", "unix")
        default: number("family", Int64(family), before: "family ")
        }
        switch UInt32(bitPattern: type) {
        case SOCK_STREAM.rawValue: word("type", "stream")
        case SOCK_DGRAM.rawValue: word("type", "datagram")
        default: number("type", Int64(UInt32(bitPattern: type)), before: "type ")
        }
        if category == .listen { word("category", "listen") }
        if category == .connection { word("category", "connection") }
        if isInbound { word("direction", "inbound") }
    }

    private mutating func control(_ kind: UInt32, _ level: Int32, _ code: UInt32, _ value: Int32?, _ size: Int) {
        switch Int(kind) {
        case LAMINA_CONTROL_SET_OPTION: word("kind", "set")
        case LAMINA_CONTROL_GET_OPTION: word("kind", "get")
        case LAMINA_CONTROL_IOCTL: word("kind", "ioctl")
        default: word("kind", "extension")
        }
        let isIoctl = Int(kind) == LAMINA_CONTROL_IOCTL
        if let name = isIoctl ? OptionNames.ioctl(level, code) : OptionNames.name(level, code) {
            word("option", name)
        } else {
            number("option_level", Int64(level))
            number("option", Int64(code))
        }
        if let value {
            number("value", Int64(value))
        } else if size > 0 {
            count("size", UInt64(size), of: "byte")
        }
    }

    private mutating func receiveFlags(_ flags: ReceiveFlags) {
        if flags.contains(.peek) { flag("peek") }
        if flags.contains(.waitAll) { flag("wait_all") }
        if flags.contains(.drain) { flag("drain") }
        if flags.contains(.urgent) { flag("urgent") }
    }

    private mutating func indications(_ name: StaticString, _ set: IndicationSet) {
        guard !set.isEmpty else { return }
        let isJSON = isJSON
        quoted(name) { line in
            if !isJSON {
                line.append(name)
                line.append(" ")
            }
            var isFirst = true
            for event in Entry.all where set.contains(event) {
                if !isFirst { line.append(",") }
                line.append(event)
                isFirst = false
            }
        }
    }

    private static func direction(_ how: DisconnectFlags) -> StaticString {
        if how.contains(.abortive) { return "abortive" }
        if !how.contains(.receive) { return "send" }
        return how.contains(.keepSending) ? "receive" : "both"
    }
}

/// Names of the options that programs use most.
enum OptionNames {
    static func name(_ level: Int32, _ code: UInt32) -> StaticString? {
        switch (level, Int32(truncatingIfNeeded: code)) {
        case (SOL_SOCKET, SO_REUSEADDR): "SO_REUSEADDR"
        case (SOL_SOCKET, SO_REUSEPORT): "SO_REUSEPORT"
        case (SOL_SOCKET, SO_KEEPALIVE): "SO_KEEPALIVE"
        case (SOL_SOCKET, SO_BROADCAST): "SO_BROADCAST"
        case (SOL_SOCKET, SO_LINGER): "SO_LINGER"
        case (SOL_SOCKET, SO_ERROR): "SO_ERROR"
        case (SOL_SOCKET, SO_TYPE): "SO_TYPE"
        case (SOL_SOCKET, SO_SNDBUF): "SO_SNDBUF"
        case (SOL_SOCKET, SO_RCVBUF): "SO_RCVBUF"
        case (SOL_SOCKET, SO_SNDTIMEO): "SO_SNDTIMEO"
        case (SOL_SOCKET, SO_RCVTIMEO): "SO_RCVTIMEO"
        case (Int32(IPPROTO_TCP), TCP_NODELAY): "TCP_NODELAY"
        case (Int32(IPPROTO_TCP), TCP_KEEPIDLE): "TCP_KEEPIDLE"
        case (Int32(IPPROTO_TCP), TCP_KEEPINTVL): "TCP_KEEPINTVL"
        case (Int32(IPPROTO_TCP), TCP_KEEPCNT): "TCP_KEEPCNT"
        case (Int32(IPPROTO_IPV6), IPV6_V6ONLY): "IPV6_V6ONLY"
        case (Int32(IPPROTO_IP), IP_TOS): "IP_TOS"
        case (Int32(IPPROTO_IP), IP_TTL): "IP_TTL"
        case (Int32(IPPROTO_IP), IP_PKTINFO): "IP_PKTINFO"
        case (Int32(IPPROTO_IPV6), IPV6_TCLASS): "IPV6_TCLASS"
        case (Int32(IPPROTO_IPV6), IPV6_RECVPKTINFO): "IPV6_RECVPKTINFO"
        case (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_DESCRIPTOR)): "LAMINA_DESCRIPTOR"
        case (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_SEND_TO_ADDRESS)): "LAMINA_SEND_TO_ADDRESS"
        case (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_RECEIVE_BACKLOG)): "LAMINA_RECEIVE_BACKLOG"
        case (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_IDEAL_SEND_BACKLOG)): "LAMINA_IDEAL_SEND_BACKLOG"
        case (Int32(LAMINA_LEVEL), Int32(LAMINA_OPTION_INSPECT_ID)): "LAMINA_INSPECT_ID"
        default: nil
        }
    }

    static func ioctl(_ level: Int32, _ code: UInt32) -> StaticString? {
        guard level == LAMINA_LEVEL else { return nil }
        switch Int(code) {
        case LAMINA_IOCTL_ADDRESS_LIST: return "LAMINA_ADDRESS_LIST"
        case LAMINA_IOCTL_ADDRESS_LIST_CHANGE: return "LAMINA_ADDRESS_LIST_CHANGE"
        case LAMINA_IOCTL_ADDRESS_LIST_SORT: return "LAMINA_ADDRESS_LIST_SORT"
        default: return nil
        }
    }
}
