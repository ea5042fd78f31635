public import CLamina
public import Glibc

/// One question under way, with the memory that its answer is written to. It lives until the request has completed.
public final class NameLookup: @unchecked Sendable {
    // Written by the levels while the request runs, and read by its owner afterwards.
    private static let capacity = 64
    private let question: NameQuestion
    private let name: UnsafeMutablePointer<CChar>?
    private let canonical = UnsafeMutablePointer<CChar>.allocate(capacity: Int(LAMINA_NAME_CAPACITY))
    private let addresses = UnsafeMutablePointer<lamina_address>.allocate(capacity: capacity)
    private let query = UnsafeMutablePointer<lamina_resolve_arguments>.allocate(capacity: 1)

    /// The question's own copy.
    public init(_ question: NameQuestion) {
        self.question = question
        name = strdup(question.name)
        canonical.initialize(repeating: 0, count: Int(LAMINA_NAME_CAPACITY))
        addresses.initialize(repeating: lamina_address(), count: Self.capacity)
        memset(query, 0, MemoryLayout<lamina_resolve_arguments>.size)
    }

    deinit {
        free(name)
        canonical.deallocate()
        addresses.deallocate()
        query.deallocate()
    }

    /// Asks the chain. Answers as an entry does.
    public func start(_ chain: Chain, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        guard let name else { return lamina_refuse(request, -ENOMEM) }
        // IPv4 addresses serve a question for IPv6 too, where they may be mapped.
        query.pointee.size = UInt32(MemoryLayout<lamina_resolve_arguments>.size)
        query.pointee.family = isMapping ? AF_UNSPEC : question.family
        query.pointee.name = UnsafePointer(name)
        query.pointee.port = question.port
        query.pointee.flags = question.options.subtracting([.mapped, .all]).rawValue
        query.pointee.capacity = UInt32(Self.capacity)
        query.pointee.addresses = addresses
        query.pointee.canonical = question.options.contains(.canonicalName) ? canonical : nil
        query.pointee.origin = UnsafePointer(question.origin.pointer)
        return chain.resolve(query, request: request)
    }

    private var isMapping: Bool { question.family == AF_INET6 && question.options.contains(.mapped) }

    /// The addresses found, once the request has completed without an error, and of those only the families that were
    /// asked for.
    public var found: [lamina_address] {
        let all = (0..<Int(min(query.pointee.count, UInt32(Self.capacity)))).map { addresses[$0] }
        guard isMapping, !question.options.contains(.all) else { return all }
        let wanted = all.filter {
            Int($0.form) != LAMINA_ADDRESS_SOCKET || Int32($0.storage.socket.sa_family) == AF_INET6
        }
        return wanted.isEmpty ? all : wanted
    }

    /// The same with the canonical name, in Swift's terms.
    public var answer: NameAnswer {
        NameAnswer(addresses: found.map(Address.init), canonicalName: canonicalName)
    }

    /// The canonical name that a level wrote; nil where none did.
    public var canonicalName: String? {
        canonical.pointee == 0 ? nil : String(cString: canonical)
    }
}

/// One question for an address's name under way, with the memory that the answer is written to. It lives until the request
/// has completed.
public final class ReverseLookup: @unchecked Sendable {
    // Written by the levels while the request runs, and read by its owner afterwards.
    private let query = UnsafeMutablePointer<lamina_reverse_arguments>.allocate(capacity: 1)
    private let origin: OriginStorage

    /// A question by getnameinfo's `NI_…` flags.
    public init(_ address: Address, flags: Int32 = NI_NAMEREQD, origin: OriginStorage = .program) {
        self.origin = origin
        memset(query, 0, MemoryLayout<lamina_reverse_arguments>.size)
        query.pointee.size = UInt32(MemoryLayout<lamina_reverse_arguments>.size)
        query.pointee.flags = UInt32(bitPattern: flags)
        query.pointee.address = address.c
        query.pointee.origin = UnsafePointer(origin.pointer)
    }

    deinit {
        query.deallocate()
    }

    /// Asks the chain. Answers as an entry does.
    public func start(_ chain: Chain, _ request: UnsafeMutablePointer<lamina_request>) -> lamina_status {
        chain.reverseResolve(query, request: request)
    }

    /// The name, once the request has completed without an error.
    public var name: String {
        withUnsafeBytes(of: query.pointee.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
