import Glibc
import LaminaProvider

/// Who is bound where. Sockets meet on the network that their instance's `network` setting names; chains of one process
/// that name the same one reach each other.
final class Network {
    /// What stands at an address. The network compares and keeps it; only who takes a pointer out can misuse it.
    @safe enum Occupant {
        /// A stream socket that has bound and doesn't listen.
        case reserved
        case listener(UnsafeMutablePointer<Listener>)
        case mailbox(UnsafeMutablePointer<Mailbox>)
    }

    private struct Place: Hashable {
        let isDatagram: Bool
        let port: UInt16
        let path: [UInt8]

        init(_ endpoint: Endpoint, isDatagram: Bool) {
            self.isDatagram = isDatagram
            port = endpoint.port
            path = endpoint.path
        }
    }

    private struct Binding {
        var endpoint: Endpoint
        let isIPv6Only: Bool
        var occupant: Occupant

        /// Whether it takes what is meant for IPv4 too.
        var takesIPv4: Bool { endpoint.family == AF_INET6 && endpoint.isWildcard && !isIPv6Only }
    }

    let name: [UInt8]
    // Guarded by the lock, as the list of networks is by its own.
    private var bindings: [Place: [Binding]] = [:]
    private var nextPort: UInt16 = 32768
    private let lock = PluginLock {}

    nonisolated(unsafe) private static var networks: [Network] = []
    /// A child process has none of its parent's sockets.
    private static let guardian = PluginLock { for network in unsafe networks { network.bindings = [:] } }

    private init(_ name: [UInt8]) {
        self.name = name
    }

    /// The network of this name, which lives as long as the process.
    static func named(_ name: UnsafePointer<CChar>?) -> Network {
        let bytes = unsafe name.map { unsafe Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
        return guardian.locked {
            if let known = unsafe networks.first(where: { $0.name == bytes }) { return known }
            let network = Network(bytes)
            unsafe networks.append(network)
            return network
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result { lock.locked(body) }

    /// Binds; port 0 takes a free one, which is written into `endpoint`. 0 or a negative errno.
    func bind(_ endpoint: inout Endpoint, isDatagram: Bool, isIPv6Only: Bool, _ occupant: Occupant) -> Int32 {
        var bound = Binding(endpoint: endpoint, isIPv6Only: isIPv6Only, occupant: occupant)
        let status: Int32 = locked {
            if bound.endpoint.family != AF_UNIX, bound.endpoint.port == 0 {
                guard let port = freePort(bound, isDatagram) else { return -EADDRINUSE }
                bound.endpoint.port = port
            } else if isTaken(bound, isDatagram) {
                return -EADDRINUSE
            }
            bindings[Place(bound.endpoint, isDatagram: isDatagram), default: []].append(bound)
            return 0
        }
        if status == 0 { endpoint = bound.endpoint }
        return status
    }

    /// A port for a socket that connects without having bound; others may have the same, since nobody is reached by it.
    func anyPort() -> UInt16 { locked { advancePort() } }

    private func advancePort() -> UInt16 {
        let port = nextPort
        nextPort = nextPort == 60999 ? 32768 : nextPort + 1
        return port
    }

    private func freePort(_ binding: Binding, _ isDatagram: Bool) -> UInt16? {
        var candidate = binding
        for _ in 32768...60999 {
            candidate.endpoint.port = advancePort()
            if !isTaken(candidate, isDatagram) { return candidate.endpoint.port }
        }
        return nil
    }

    private func isTaken(_ candidate: Binding, _ isDatagram: Bool) -> Bool {
        let endpoint = candidate.endpoint
        return bindings[Place(endpoint, isDatagram: isDatagram)]?.contains { binding in
            let other = binding.endpoint
            if endpoint.family == AF_UNIX || other.family == AF_UNIX { return endpoint == other }
            if candidate.takesIPv4 || binding.takesIPv4 { return true }
            guard endpoint.family == other.family else { return false }
            return endpoint == other || endpoint.isWildcard || other.isWildcard
        } ?? false
    }

    /// Lets a bound stream socket listen.
    func replace(_ endpoint: Endpoint, isDatagram: Bool, by occupant: Occupant) {
        locked {
            let place = Place(endpoint, isDatagram: isDatagram)
            guard let index = bindings[place]?.firstIndex(where: { $0.endpoint == endpoint }) else { return }
            bindings[place]?[index].occupant = occupant
        }
    }

    /// Gives an address back.
    func unbind(_ endpoint: Endpoint, isDatagram: Bool) {
        locked {
            let place = Place(endpoint, isDatagram: isDatagram)
            bindings[place]?.removeAll { $0.endpoint == endpoint }
            if bindings[place]?.isEmpty ?? false { bindings[place] = nil }
        }
    }

    /// Runs `body` with what stands at an address: that very one first, then a wildcard. Nobody can unbind meanwhile.
    func reach<Result>(_ endpoint: Endpoint, isDatagram: Bool, _ body: (Occupant?) -> Result) -> Result {
        locked {
            let candidates = bindings[Place(endpoint, isDatagram: isDatagram)] ?? []
            let exact = candidates.first { $0.endpoint == endpoint }
            let wild = candidates.first { candidate in
                candidate.endpoint.isWildcard
                    && (candidate.endpoint.family == endpoint.family || candidate.takesIPv4)
            }
            return body((exact ?? wild)?.occupant)
        }
    }
}
