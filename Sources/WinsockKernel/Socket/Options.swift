import CLamina
import CLinux
import CWinsockKernel
import Glibc
import Lamina

/// Options by their Windows names, as the chain's base has them: by the same name, by another, or not at all.
enum Options {
    static func run(_ call: ControlCall, _ irp: PIRP?, _ end: (NTSTATUS, UInt) -> NTSTATUS) -> NTSTATUS {
        let isSet = call.type == WskSetOption
        if let (status, information) = isSet ? set(call) : get(call) { return end(status, information) }
        let kind = isSet ? LAMINA_CONTROL_SET_OPTION : LAMINA_CONTROL_GET_OPTION
        guard let named = Named(call) else {
            var operation = Control.operation(kind, call.level, call.code)
            operation.input = call.input.baseAddress
            operation.input_length = call.input.count
            operation.output = call.output.baseAddress
            operation.output_capacity = call.output.count
            return Control.run(call, operation, irp, end)
        }
        return isSet ? set(named, call, irp, end) : get(named, call, end)
    }

    // MARK: - What the run time answers

    private static func get(_ call: ControlCall) -> ControlResult? {
        guard call.level == SOL_SOCKET else { return nil }
        switch Int32(bitPattern: call.code) {
        case SO_CONDITIONAL_ACCEPT, SO_WSK_SECURITY, SO_RCVTIMEO, SO_SNDTIMEO: return (STATUS_NOT_SUPPORTED, 0)
        case SO_REUSEADDR: return call.write(Int32(call.socket.has(WSK_IS_SHARED) ? 1 : 0))
        case ~SO_REUSEADDR: return call.write(Int32(call.socket.has(WSK_IS_EXCLUSIVE) ? 1 : 0))
        default: return nil
        }
    }

    private static func set(_ call: ControlCall) -> ControlResult? {
        if [IP_TOS, IPV6_TCLASS].contains(Int32(bitPattern: call.code)) { TrafficClass.note(call) }
        guard call.level == SOL_SOCKET else { return nil }
        switch Int32(bitPattern: call.code) {
        case SO_CONDITIONAL_ACCEPT: return Events.setConditional(call)
        case SO_WSK_SECURITY, SO_RCVTIMEO, SO_SNDTIMEO: return (STATUS_NOT_SUPPORTED, 0)
        case SO_REUSEADDR: return (share(call, WSK_IS_SHARED, excludes: WSK_IS_EXCLUSIVE), 0)
        // SO_EXCLUSIVEADDRUSE
        case ~SO_REUSEADDR: return (share(call, WSK_IS_EXCLUSIVE, excludes: WSK_IS_SHARED), 0)
        default: return nil
        }
    }

    /// SO_REUSEADDR shares an address also with a socket that listens, which Linux calls SO_REUSEPORT, and both sockets
    /// must ask for it. One excludes the other.
    private static func share(_ call: ControlCall, _ flag: Int, excludes other: Int) -> NTSTATUS {
        let socket = call.socket
        guard let number = call.number else { return STATUS_INVALID_PARAMETER }
        guard !socket.has(WSK_IS_BOUND) else { return STATUS_INVALID_DEVICE_STATE }
        guard number == 0 || !socket.has(other) else { return STATUS_INVALID_PARAMETER }
        let isShared: Int32 = flag == WSK_IS_SHARED && number != 0 ? 1 : 0
        let listens = [LAMINA_LISTEN, LAMINA_STREAM].contains { socket.pointee.category == UInt32($0) }
        if number != 0 || socket.has(flag) {
            Opening.set(socket, SOL_SOCKET, listens ? SO_REUSEPORT : SO_REUSEADDR, isShared)
        }
        number != 0 ? socket.set(flag) : socket.clear(flag)
        return STATUS_SUCCESS
    }

    // MARK: - Options of another name

    /// An option that the base has under another name or in another form.
    private struct Named {
        let level: Int32
        let option: Int32
        var form = Form.asItIs
        /// The bit that is kept of it, and the one that wants the same of the base.
        var flag = 0
        var sibling = 0

        enum Form {
            case asItIs
            /// 1 for anything but 0.
            case flag
            /// IP_MTU_DISCOVER's values.
            case fragmentation
            /// In network byte order.
            case swapped
            /// A number of 16 bits.
            case short
        }

        init?(_ call: ControlCall) {
            let isNumber = call.type == WskGetOption || call.input.count < 20
            switch (call.level, Int32(bitPattern: call.code)) {
            case (Int32(IPPROTO_IP), IP_ECN):
                self.init(call.level, IP_RECVTOS, .flag, flag: WSK_WANTS_ECN, sibling: WSK_WANTS_TOS)
            case (Int32(IPPROTO_IP), IP_RECVTOS):
                self.init(call.level, IP_RECVTOS, .flag, flag: WSK_WANTS_TOS, sibling: WSK_WANTS_ECN)
            case (Int32(IPPROTO_IPV6), IPV6_ECN):
                self.init(call.level, IPV6_RECVTCLASS, .flag, flag: WSK_WANTS_ECN6, sibling: WSK_WANTS_TCLASS)
            case (Int32(IPPROTO_IPV6), IPV6_RECVTCLASS):
                self.init(call.level, IPV6_RECVTCLASS, .flag, flag: WSK_WANTS_TCLASS, sibling: WSK_WANTS_ECN6)
            case (Int32(IPPROTO_IP), IP_HOPLIMIT):
                self.init(call.level, IP_RECVTTL, .flag, flag: WSK_WANTS_HOPS)
            case (Int32(IPPROTO_IPV6), IPV6_HOPLIMIT): self.init(call.level, IPV6_RECVHOPLIMIT, .flag)
            // Of the length of what it carries it is Linux's option of that name.
            case (Int32(IPPROTO_IPV6), IPV6_PKTINFO) where isNumber: self.init(call.level, IPV6_RECVPKTINFO, .flag)
            case (Int32(IPPROTO_IP), IP_DONTFRAGMENT): self.init(call.level, IP_MTU_DISCOVER, .fragmentation)
            case (Int32(IPPROTO_IPV6), IPV6_DONTFRAGMENT): self.init(call.level, IPV6_DONTFRAG, .flag)
            case (Int32(IPPROTO_IPV6), IPV6_UNICAST_IF): self.init(call.level, IPV6_UNICAST_IF, .swapped)
            case (Int32(IPPROTO_UDP), UDP_SEND_MSG_SIZE): self.init(call.level, Segmentation.size, .short)
            case (Int32(IPPROTO_UDP), UDP_RECV_MAX_COALESCED_SIZE):
                self.init(call.level, Segmentation.coalescing, .flag)
            default: return nil
            }
        }

        private init(_ level: Int32, _ option: Int32, _ form: Form, flag: Int = 0, sibling: Int = 0) {
            (self.level, self.option, self.form) = (level, option, form)
            (self.flag, self.sibling) = (flag, sibling)
        }

        /// The base's value for a client's; nil for one that can't be.
        func outgoing(_ value: Int32, _ socket: KernelSocket) -> Int32? {
            switch form {
            case .asItIs: value
            case .flag: value != 0 || (sibling != 0 && socket.has(sibling)) ? 1 : 0
            case .fragmentation: value != 0 ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT
            case .swapped: value.bigEndian
            case .short: (0...0xFFFF).contains(value) ? value : nil
            }
        }

        /// The client's value for the base's.
        func incoming(_ value: Int32, _ socket: KernelSocket) -> Int32 {
            switch form {
            case .asItIs, .short: value
            case .flag: flag != 0 ? (socket.has(flag) ? 1 : 0) : value != 0 ? 1 : 0
            case .fragmentation: value == IP_PMTUDISC_DO ? 1 : 0
            case .swapped: Int32(bigEndian: value)
            }
        }
    }

    private static func set(
        _ named: Named,
        _ call: ControlCall,
        _ irp: PIRP?,
        _ end: (NTSTATUS, UInt) -> NTSTATUS
    ) -> NTSTATUS {
        guard let number = call.number, var value = named.outgoing(number, call.socket) else {
            return end(STATUS_INVALID_PARAMETER, 0)
        }
        if named.flag != 0 { number != 0 ? call.socket.set(named.flag) : call.socket.clear(named.flag) }
        return withUnsafePointer(to: &value) { value in
            var operation = Control.operation(LAMINA_CONTROL_SET_OPTION, named.level, UInt32(bitPattern: named.option))
            operation.input = UnsafeRawPointer(value)
            operation.input_length = MemoryLayout<Int32>.size
            return Control.run(call, operation, irp, end)
        }
    }

    private static func get(_ named: Named, _ call: ControlCall, _ end: (NTSTATUS, UInt) -> NTSTATUS) -> NTSTATUS {
        var value: Int32 = 0
        let status = withUnsafeMutablePointer(to: &value) { value in
            var operation = Control.operation(LAMINA_CONTROL_GET_OPTION, named.level, UInt32(bitPattern: named.option))
            operation.output = UnsafeMutableRawPointer(value)
            operation.output_capacity = MemoryLayout<Int32>.size
            return Control.attempt(call.socket, &operation).status
        }
        guard status >= 0 else { return end(Control.status(status), 0) }
        let (answer, information) = call.write(named.incoming(value, call.socket))
        return end(answer, information)
    }
}

/// Options and types of UDP that Swift can't import.
enum Segmentation {
    /// UDP_SEGMENT.
    static let size: Int32 = 103
    /// UDP_GRO.
    static let coalescing: Int32 = 104
}
