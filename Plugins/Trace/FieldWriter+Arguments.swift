import CLamina
import Glibc
import LaminaProvider

extension FieldWriter {
    /// What the caller asked for.
    mutating func arguments(of operation: OperationPointer) {
        let asked = operation.pointee
        withUnsafePointer(to: asked.address) { destination in
            switch Int(asked.number) {
            case LAMINA_ENTRY_OPEN: opening(asked)
            case LAMINA_ENTRY_CONTROL, LAMINA_ENTRY_PROVIDER_CONTROL: control(asked)
            case LAMINA_ENTRY_BIND, LAMINA_ENTRY_CONNECT, LAMINA_ENTRY_RESOLVE, LAMINA_ENTRY_REVERSE_RESOLVE:
                address("address", destination)
                if Int(asked.number) == LAMINA_ENTRY_CONNECT, asked.flags & UInt32(LAMINA_CONNECT_SEND_ONLY) != 0 {
                    flag("send_only")
                }
            case LAMINA_ENTRY_LISTEN: number("backlog", Int64(asked.flags), before: "backlog ")
            case LAMINA_ENTRY_INSPECT_COMPLETE: verdict("action", asked.flags)
            case LAMINA_ENTRY_CONNECT_WITH_DATA, LAMINA_ENTRY_SEND_TO:
                address("address", destination)
                count("size", asked.size, of: "byte")
            case LAMINA_ENTRY_SEND:
                count("size", asked.size, of: "byte")
                if asked.flags & UInt32(LAMINA_SEND_URGENT) != 0 { flag("urgent") }
            case LAMINA_ENTRY_RECEIVE, LAMINA_ENTRY_RECEIVE_FROM:
                count("size", asked.size, before: "up to ", of: "byte")
                receiveFlags(asked.flags)
            case LAMINA_ENTRY_SEND_MESSAGES:
                address("address", destination)
                count("messages", UInt64(asked.detail), of: "datagram")
                count("size", asked.size, of: "byte")
            case LAMINA_ENTRY_RECEIVE_MESSAGES:
                count("messages", UInt64(asked.detail), before: "up to ", of: "datagram")
            case LAMINA_ENTRY_DISCONNECT:
                word("direction", Self.direction(asked.flags))
                if asked.size > 0 { count("size", asked.size, of: "byte") }
            case LAMINA_ENTRY_ENABLE_INDICATIONS:
                indications("on", asked.flags)
                indications("off", asked.detail)
            case LAMINA_ENTRY_ADOPT_STATE: count("size", asked.size, of: "byte")
            default: break
            }
        }
    }

    /// What an event says.
    mutating func event(_ operation: OperationPointer) {
        let said = operation.pointee
        withUnsafePointer(to: said.address) { source in
            switch Int(said.number) {
            case LAMINA_INDICATION_ACCEPT:
                number("accepted", Int64(clamping: said.accepted), before: "#")
                address("address", source, before: "from ")
            case LAMINA_INDICATION_INSPECT: address("address", source, before: "from ")
            case LAMINA_INDICATION_RECEIVE: count("size", said.size, of: "byte")
            case LAMINA_INDICATION_RECEIVE_FROM:
                count("messages", UInt64(said.detail), of: "datagram")
                count("size", said.size, of: "byte")
                address("address", source, before: "from ")
            case LAMINA_INDICATION_DISCONNECT:
                word("how", said.flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 ? "abortive" : "graceful")
                if said.level < 0 { quoted("reason") { $0.append(errno: said.level) } }
            case LAMINA_INDICATION_SEND_BACKLOG: count("ideal", said.size, of: "byte")
            default: break
            }
        }
    }

    /// `reject`, `accept` or `pend`.
    mutating func verdict(_ name: StaticString, _ action: UInt32) {
        switch Int(action) {
        case LAMINA_INSPECT_REJECT: word(name, "reject")
        case LAMINA_INSPECT_ACCEPT: word(name, "accept")
        default: word(name, "pend")
        }
    }

    private mutating func opening(_ asked: Operation) {
        switch asked.level {
        case AF_INET: word("family", "inet")
        case AF_INET6: word("family", "inet6")
        case AF_UNIX: word("family", "unix")
        default: number("family", Int64(asked.level), before: "family ")
        }
        switch asked.kind {
        case UInt32(SOCK_STREAM.rawValue): word("type", "stream")
        case UInt32(SOCK_DGRAM.rawValue): word("type", "datagram")
        default: number("type", Int64(asked.kind), before: "type ")
        }
        switch Int(asked.code) {
        case LAMINA_LISTEN: word("category", "listen")
        case LAMINA_CONNECTION: word("category", "connection")
        default: break
        }
        if asked.flags & UInt32(LAMINA_OPEN_FROM_BELOW) != 0 { word("direction", "inbound") }
    }

    private mutating func control(_ asked: Operation) {
        let isIoctl = Int(asked.kind) == LAMINA_CONTROL_IOCTL
        switch Int(asked.kind) {
        case LAMINA_CONTROL_SET_OPTION: word("kind", "set")
        case LAMINA_CONTROL_GET_OPTION: word("kind", "get")
        case LAMINA_CONTROL_IOCTL: word("kind", "ioctl")
        default: word("kind", "extension")
        }
        if let name = isIoctl
            ? OptionNames.ioctl(asked.level, asked.code) : OptionNames.name(asked.level, asked.code)
        {
            word("option", name)
        } else {
            number("option_level", Int64(asked.level))
            number("option", Int64(asked.code))
        }
        if let value = asked.value {
            number("value", Int64(value))
        } else if asked.size > 0 {
            count("size", asked.size, of: "byte")
        }
    }

    private mutating func receiveFlags(_ flags: UInt32) {
        if flags & UInt32(LAMINA_RECEIVE_PEEK) != 0 { flag("peek") }
        if flags & UInt32(LAMINA_RECEIVE_WAIT_ALL) != 0 { flag("wait_all") }
        if flags & UInt32(LAMINA_RECEIVE_DRAIN) != 0 { flag("drain") }
        if flags & UInt32(LAMINA_RECEIVE_URGENT) != 0 { flag("urgent") }
    }

    private mutating func indications(_ name: StaticString, _ bits: UInt32) {
        guard bits != 0 else { return }
        let isJSON = isJSON
        quoted(name) { line in
            if !isJSON {
                line.append(name)
                line.append(" ")
            }
            var isFirst = true
            for number in 0..<UInt32(LAMINA_INDICATION_COUNT) where bits >> number & 1 != 0 {
                if !isFirst { line.append(",") }
                line.append(cString: lamina_describe_indication(number).pointee.name)
                isFirst = false
            }
        }
    }

    private static func direction(_ flags: UInt32) -> StaticString {
        if flags & UInt32(LAMINA_DISCONNECT_ABORTIVE) != 0 { return "abortive" }
        if flags & UInt32(LAMINA_DISCONNECT_RECEIVE) == 0 { return "send" }
        return flags & UInt32(LAMINA_DISCONNECT_KEEP_SENDING) != 0 ? "receive" : "both"
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
