import CLamina
import Glibc

/// A question for the addresses of a name (getaddrinfo's node, service and hints).
public struct NameQuestion: Sendable {
    /// What is asked for beside the addresses, and which of them (`AI_…`).
    public struct Options: OptionSet, Sendable {
        /// getaddrinfo's flags.
        public let rawValue: UInt32

        /// These flags.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// The canonical name as well (`AI_CANONNAME`).
        public static let canonicalName = Options(rawValue: UInt32(AI_CANONNAME))
        /// The name has to be an address in numbers: nobody is asked (`AI_NUMERICHOST`).
        public static let numeric = Options(rawValue: UInt32(AI_NUMERICHOST))
        /// Only families of which this machine has an address (`AI_ADDRCONFIG`).
        public static let configuredFamilies = Options(rawValue: UInt32(AI_ADDRCONFIG))
        /// IPv4 addresses for a question for IPv6 that has no others (`AI_V4MAPPED`). They come as IPv4.
        public static let mapped = Options(rawValue: UInt32(AI_V4MAPPED))
        /// With `mapped`: also where there are others (`AI_ALL`).
        public static let all = Options(rawValue: UInt32(AI_ALL))
    }

    /// The name, or an address in numbers.
    public var name: String
    /// The port that every answer carries.
    public var port: UInt16
    /// `AF_UNSPEC` (0), `AF_INET` or `AF_INET6`.
    public var family: Int32
    /// What is asked for.
    public var options: Options
    /// Who asks.
    public var origin: OriginStorage

    /// A question in its parts.
    public init(
        _ name: String,
        port: UInt16 = 0,
        family: Int32 = 0,
        options: Options = [],
        origin: OriginStorage = .program
    ) {
        self.name = name
        self.port = port
        self.family = family
        self.options = options
        self.origin = origin
    }

    /// A question for a service's port, by number or by the name that the system knows it by (getservbyname). Throws
    /// EPROTONOSUPPORT where it knows none. May block for a file.
    public init(
        _ name: String,
        service: String,
        isDatagram: Bool = false,
        family: Int32 = 0,
        options: Options = [],
        origin: OriginStorage = .program
    ) throws(LaminaError) {
        let port = try Self.port(of: service, isDatagram: isDatagram)
        self.init(name, port: port, family: family, options: options, origin: origin)
    }

    private static func port(of service: String, isDatagram: Bool) throws(LaminaError) -> UInt16 {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_family = AF_INET
        hints.ai_socktype = Int32((isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(nil, service, &hints, &found)
        guard code == 0, let address = found?.pointee.ai_addr else {
            let status = lamina_status_of_eai(code, errno)
            throw LaminaError(
                .notFound,
                "service \"\(service)\"",
                String(cString: gai_strerror(code)),
                remedy: "give a port number, or a service of /etc/services",
                errno: -status
            )
        }
        defer { freeaddrinfo(found) }
        return UnsafeRawPointer(address).loadUnaligned(fromByteOffset: 2, as: UInt16.self).bigEndian
    }
}

/// What the levels of a chain answered a question for a name.
public struct NameAnswer: Sendable, Equatable {
    /// The addresses, best first, with the question's port. One that is a name says: connect to this name.
    public var addresses: [Address]
    /// The canonical name, where it was asked for and a level knows it.
    public var canonicalName: String?
}
