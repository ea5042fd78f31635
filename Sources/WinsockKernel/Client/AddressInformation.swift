// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLamina
public import CWinsockKernel
import Glibc
import Lamina

/// WskGetAddressInfo, WskFreeAddressInfo and WskGetNameInfo. Blocks are the ledger's, so that a list that was never freed
/// is reported.
enum AddressInformation {
    private static let capacity = 64
    static let tag: UInt32 = 0x6961_7357

    /// What the question's memory holds beside the addresses.
    struct Question {
        var query: lamina_resolve_arguments
        var type: Int32
        var proto: Int32
    }

    static func offset(of question: UnsafeMutableRawPointer) -> UnsafeMutablePointer<lamina_address> {
        (question + MemoryLayout<Question>.stride).assumingMemoryBound(to: lamina_address.self)
    }

    /// Memory for a question, freed at completion. Nil: there is none.
    static func question(
        family: Int32,
        type: Int32,
        proto: Int32,
        port: UInt16,
        name: UnsafePointer<CChar>
    ) -> UnsafeMutablePointer<Question>? {
        let size = MemoryLayout<Question>.stride + capacity * MemoryLayout<lamina_address>.stride
        guard let memory = calloc(1, size) else { return nil }
        let question = memory.bindMemory(to: Question.self, capacity: 1)
        question.pointee.query.size = UInt32(MemoryLayout<lamina_resolve_arguments>.size)
        question.pointee.query.family = family
        question.pointee.query.name = name
        question.pointee.query.port = port
        question.pointee.query.capacity = UInt32(capacity)
        question.pointee.query.addresses = offset(of: memory)
        question.pointee.type = type
        question.pointee.proto = proto
        return question
    }

    /// The port of a service: a number, or a name that the system knows. Nil: neither.
    static func port(_ service: String, isDatagram: Bool) -> UInt16? {
        if service.isEmpty { return 0 }
        if let number = UInt16(service) { return number }
        guard let entry = getservbyname(service, isDatagram ? "udp" : "tcp") else { return nil }
        return UInt16(bigEndian: UInt16(truncatingIfNeeded: entry.pointee.s_port))
    }

    /// The name of a port's service, or its number.
    static func service(_ port: UInt16, flags: UInt32) -> String {
        let isNumeric = flags & UInt32(NI_NUMERICSERV) != 0
        let proto = flags & UInt32(NI_DGRAM) != 0 ? "udp" : "tcp"
        guard !isNumeric, let entry = getservbyport(Int32(port.bigEndian), proto) else { return String(port) }
        return String(cString: entry.pointee.s_name)
    }

    // MARK: - Ends

    /// Makes the client's list.
    static func finish(
        _ operation: KernelOperation,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ status: NTSTATUS,
        _ information: inout UInt
    ) -> NTSTATUS {
        let answer = status < 0 ? (status == STATUS_CANCELLED ? status : STATUS_NO_MATCH) : list(operation)
        information = UInt(bitPattern: Int(answer))
        return answer
    }

    private static func list(_ operation: KernelOperation) -> NTSTATUS {
        guard let question = operation.pointee.allocation?.assumingMemoryBound(to: Question.self),
            let result = operation.pointee.output.0?.assumingMemoryBound(to: PADDRINFOEXW?.self)
        else { return STATUS_INVALID_PARAMETER }
        let asked = question.pointee
        var transports = [(Int32(SOCK_STREAM.rawValue), Int32(IPPROTO_TCP)), (Int32(SOCK_DGRAM.rawValue), 17)]
        transports = transports.filter {
            (asked.type == 0 || asked.type == $0.0) && (asked.proto == 0 || asked.proto == $0.1)
        }
        if transports.isEmpty { transports = [(asked.type, asked.proto)] }
        var first: PADDRINFOEXW?
        var last: PADDRINFOEXW?
        for index in 0..<Int(min(asked.query.count, asked.query.capacity)) {
            // A name that a level wants to be connected to has no place in an ADDRINFOEXW.
            guard offset(of: question)[index].form == UInt16(LAMINA_ADDRESS_SOCKET) else { continue }
            for (type, proto) in transports {
                guard let node = node(offset(of: question) + index, type, proto) else {
                    release(first)
                    return STATUS_INSUFFICIENT_RESOURCES
                }
                if let last { last.pointee.ai_next = node } else { first = node }
                last = node
            }
        }
        guard first != nil else { return STATUS_NO_MATCH }
        result.pointee = first
        return STATUS_SUCCESS
    }

    private static func node(_ address: UnsafeMutablePointer<lamina_address>, _ type: Int32, _ proto: Int32)
        -> PADDRINFOEXW?
    {
        let size = MemoryLayout<ADDRINFOEXW>.stride + MemoryLayout<sockaddr_in6>.size
        let memory = Ledger.allocate(size, kind: Int(WSK_OBJECT_POOL), tag: tag, isZeroed: true, maker: nil)
        guard let memory else { return nil }
        let node = memory.bindMemory(to: ADDRINFOEXW.self, capacity: 1)
        let target = memory + MemoryLayout<ADDRINFOEXW>.stride
        Addresses.write(address, target)
        node.pointee.ai_family = Int32(address.pointee.storage.socket.sa_family)
        node.pointee.ai_socktype = type
        node.pointee.ai_protocol = proto
        node.pointee.ai_addrlen = Int(address.pointee.length)
        node.pointee.ai_addr = target.assumingMemoryBound(to: sockaddr.self)
        return node
    }

    static func release(_ list: PADDRINFOEXW?) {
        var next = list
        while let node = next {
            next = node.pointee.ai_next
            Ledger.free(UnsafeMutableRawPointer(node), kind: Int(WSK_OBJECT_POOL), "WskFreeAddressInfo", nil)
        }
    }

    /// Writes the client's names.
    static func finishName(_ operation: KernelOperation, _ status: NTSTATUS, _ information: inout UInt) -> NTSTATUS {
        var answer = status < 0 ? (status == STATUS_CANCELLED ? status : STATUS_NO_MATCH) : STATUS_SUCCESS
        if answer == STATUS_SUCCESS,
            let query = operation.pointee.allocation?.assumingMemoryBound(to: lamina_reverse_arguments.self)
        {
            if let node = operation.pointee.output.0?.assumingMemoryBound(to: UNICODE_STRING.self) {
                let name = withUnsafeBytes(of: query.pointee.name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                answer = Strings.write(name, to: node)
            }
            let service = operation.pointee.output.1?.assumingMemoryBound(to: UNICODE_STRING.self)
            if let service, answer == STATUS_SUCCESS {
                let port = UInt16(bigEndian: query.pointee.address.storage.ipv4.sin_port)
                answer = Strings.write(Self.service(port, flags: query.pointee.flags), to: service)
            }
        }
        information = UInt(bitPattern: Int(answer))
        return answer
    }
}

/// WskGetAddressInfo.
@c @implementation
public func wsk_get_address_info(
    _ client: PWSK_CLIENT?,
    _ node: PUNICODE_STRING?,
    _ service: PUNICODE_STRING?,
    _ nameSpace: UInt32,
    _ provider: UnsafeMutablePointer<GUID>?,
    _ hints: PADDRINFOEXW?,
    _ result: UnsafeMutablePointer<PADDRINFOEXW?>?,
    _ process: PEPROCESS?,
    _ thread: PETHREAD?,
    _ irp: PIRP?
) -> NTSTATUS {
    wsk_require_irql("WskGetAddressInfo", UInt8(PASSIVE_LEVEL), nil)
    guard let irp, let operation = Submission.begin(irp, .addressInfo) else { return STATUS_INVALID_PARAMETER }
    operation.pointee.output.3 = nil
    let asked = hints?.pointee ?? ADDRINFOEXW()
    let isDatagram = asked.ai_socktype == Int32(SOCK_DGRAM.rawValue)
    guard let object = Client.of(client), let chain = Provider.chain, let result, node != nil || service != nil,
        thread == nil || process != nil
    else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
    guard let port = AddressInformation.port(Strings.text(service), isDatagram: isDatagram) else {
        return Submission.answer(irp, STATUS_NO_MATCH)
    }
    let isPassive = asked.ai_flags & AI_PASSIVE != 0
    let isIPv6 = asked.ai_family == AF_INET6
    let name = node.map { Strings.text($0) } ?? (isPassive ? (isIPv6 ? "::" : "0.0.0.0") : isIPv6 ? "::1" : "127.0.0.1")
    if asked.ai_flags & AI_NUMERICHOST != 0, NetworkAddress(parsing: name) == nil {
        return Submission.answer(irp, STATUS_NO_MATCH)
    }
    return name.withCString { text in
        let question = AddressInformation.question(
            family: asked.ai_family,
            type: asked.ai_socktype,
            proto: asked.ai_protocol,
            port: port,
            name: text
        )
        guard let question else { return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES) }
        result.pointee = nil
        object.addRequest()
        operation.pointee.allocation = UnsafeMutableRawPointer(question)
        operation.pointee.output.0 = UnsafeMutableRawPointer(result)
        operation.pointee.output.3 = object.pointer
        return Submission.run(irp) { chain.resolve(question.place(\.query), request: $0) }
    }
}

/// WskFreeAddressInfo.
@c @implementation
public func wsk_free_address_info(_ client: PWSK_CLIENT?, _ list: PADDRINFOEXW?) {
    AddressInformation.release(list)
}

/// WskGetNameInfo.
@c @implementation
public func wsk_get_name_info(
    _ client: PWSK_CLIENT?,
    _ address: PSOCKADDR?,
    _ length: UInt32,
    _ node: PUNICODE_STRING?,
    _ service: PUNICODE_STRING?,
    _ flags: UInt32,
    _ process: PEPROCESS?,
    _ thread: PETHREAD?,
    _ irp: PIRP?
) -> NTSTATUS {
    wsk_require_irql("WskGetNameInfo", UInt8(PASSIVE_LEVEL), nil)
    guard let irp, let operation = Submission.begin(irp, .nameInfo) else { return STATUS_INVALID_PARAMETER }
    operation.pointee.output.3 = nil
    guard let object = Client.of(client), let chain = Provider.chain, let address, node != nil || service != nil,
        let needed = Addresses.length(of: address), Int(length) >= needed
    else { return Submission.answer(irp, STATUS_INVALID_PARAMETER) }
    let memory = calloc(1, MemoryLayout<lamina_reverse_arguments>.size)
    guard let query = memory?.bindMemory(to: lamina_reverse_arguments.self, capacity: 1) else {
        return Submission.answer(irp, STATUS_INSUFFICIENT_RESOURCES)
    }
    query.pointee.size = UInt32(MemoryLayout<lamina_reverse_arguments>.size)
    query.pointee.flags = flags
    _ = Addresses.read(address, query.place(\.address))
    object.addRequest()
    operation.pointee.allocation = memory
    operation.pointee.output.0 = node.map { UnsafeMutableRawPointer($0) }
    operation.pointee.output.1 = service.map { UnsafeMutableRawPointer($0) }
    operation.pointee.output.3 = object.pointer
    return Submission.run(irp) { chain.reverseResolve(query, request: $0) }
}
