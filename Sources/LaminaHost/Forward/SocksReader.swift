import Glibc
public import Lamina

/// Reads what a SOCKS5 client says until its request stands (RFC 1928), byte by byte as it comes and never beyond.
public struct SocksReader: Sendable {
    /// What is to be done after some bytes.
    public enum Step: Sendable {
        /// More is to come.
        case more
        /// This is to be sent, then more is to come.
        case say([UInt8])
        /// The request stands.
        case connect(Address)
        /// This is to be sent, and the connection ends, for this reason.
        case refuse([UInt8], String)
    }

    private enum Phase {
        case greeting, request
    }

    private var phase = Phase.greeting
    private var bytes: [UInt8] = []

    /// Nothing has come yet.
    public init() {}

    /// How many bytes may be read before the next step: no more belong to it for certain.
    public var wanted: Int {
        switch phase {
        case .greeting: bytes.count < 2 ? 2 - bytes.count : 2 + Int(bytes[1]) - bytes.count
        case .request:
            // The fifth is a name's length.
            bytes.count < 5 ? 5 - bytes.count : length - bytes.count
        }
    }

    /// The request's length, as far as it is known.
    private var length: Int {
        switch bytes[3] {
        case 1: 4 + 4 + 2
        case 4: 4 + 16 + 2
        default: 5 + Int(bytes[4]) + 2
        }
    }

    /// Takes what was read, at most `wanted` bytes.
    public mutating func take(_ more: some Sequence<UInt8>) -> Step {
        bytes += more
        switch phase {
        case .greeting: return greeting()
        case .request: return request()
        }
    }

    private mutating func greeting() -> Step {
        if let version = bytes.first, version != 5 {
            return .refuse([], version == 4 ? "it speaks SOCKS4, and only SOCKS5 is served" : "it doesn't speak SOCKS5")
        }
        guard bytes.count >= 2, bytes.count == 2 + Int(bytes[1]) else { return .more }
        guard bytes[2...].contains(0) else { return .refuse([5, 0xff], "it wants a login, and there is none") }
        phase = .request
        bytes = []
        return .say([5, 0])
    }

    private func request() -> Step {
        func refuse(_ code: Code, _ reason: String) -> Step { .refuse(SocksReader.reply(code), reason) }
        guard bytes.first == 5 else { return refuse(.failure, "its request isn't SOCKS5's") }
        if bytes.count >= 2, bytes[1] != 1 {
            return refuse(.commandNotSupported, "it wants command \(bytes[1]), and only CONNECT is served")
        }
        if bytes.count >= 4, ![1, 3, 4].contains(bytes[3]) {
            return refuse(.addressNotSupported, "its address is of the unknown type \(bytes[3])")
        }
        guard bytes.count >= 5, bytes.count == length else { return .more }
        let port = UInt16(bytes[length - 2]) << 8 | UInt16(bytes[length - 1])
        let host = bytes[(bytes[3] == 3 ? 5 : 4)..<(length - 2)]
        switch bytes[3] {
        case 3:
            let name = String(decoding: host, as: UTF8.self)
            guard !name.isEmpty, name.utf8.count <= 253, !name.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
                return refuse(.failure, "it names no host")
            }
            return .connect(Address(host: name, port: port))
        default:
            guard let network = NetworkAddress(family: bytes[3] == 1 ? .ipv4 : .ipv6, bytes: Array(host)) else {
                return refuse(.failure, "it names no host")
            }
            return .connect(Address(host: "\(network)", port: port))
        }
    }

    // MARK: - Replies

    /// The codes of a reply.
    public enum Code: UInt8, Sendable {
        case succeeded = 0, failure, notAllowed, networkUnreachable, hostUnreachable, refused, expired
        case commandNotSupported, addressNotSupported

        /// What an errno of a connect says.
        public init(_ error: Int32) {
            switch error {
            case ECONNREFUSED: self = .refused
            case ENETUNREACH, ENETDOWN: self = .networkUnreachable
            // A name that nobody knows is a host that can't be reached.
            case EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT, ENOENT, ENODATA: self = .hostUnreachable
            case EACCES, EPERM: self = .notAllowed
            case EAFNOSUPPORT: self = .addressNotSupported
            default: self = .failure
            }
        }
    }

    /// A reply, with the address that the chain connected from where there is one.
    public static func reply(_ code: Code, from local: Address? = nil) -> [UInt8] {
        var address: [UInt8] = [1, 0, 0, 0, 0]
        if let network = local?.network {
            address = [network.family == .ipv4 ? 1 : 4] + network.bytes
        }
        let port = local?.port ?? 0
        return [5, code.rawValue, 0] + address + [UInt8(port >> 8), UInt8(port & 0xff)]
    }
}
