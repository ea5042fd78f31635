import CLamina
import CLaminaRun
import CLinux
import Glibc

/// Where a run's program and its worker meet: listeners that outlive a worker, because the supervisor holds them.
struct Rendezvous {
    /// The socket that the preload object asks at.
    let questions: Int32
    /// The loopback listeners that pumped sockets are connected to; -1 where the machine has no such family.
    let listener4: Int32
    let listener6: Int32
    /// What captured calls carry.
    let secret: Secret
    private let name: Secret
    private let port4: UInt16
    private let port6: UInt16

    init() throws(Errno) {
        secret = Secret()
        name = Secret()
        questions = try UnixSocket.listen(abstract: name.digits).get()
        let (four, fourPort) = Rendezvous.listen(AF_INET)
        let (six, sixPort) = Rendezvous.listen(AF_INET6)
        (listener4, port4) = (four, fourPort)
        (listener6, port6) = (six, sixPort)
        if listener4 < 0 && listener6 < 0 { throw Errno(EADDRNOTAVAIL) }
    }

    /// The descriptors that are open.
    var descriptors: [Int32] { [questions] + listeners }
    /// The loopback listeners that there are.
    var listeners: [Int32] { [listener4, listener6].filter { $0 >= 0 } }

    /// What the program finds in its environment.
    func environment(_ coverage: Coverage) -> String {
        "\(LAMINA_RUN_VARIABLE)=\(name.digits),\(secret.digits),\(port4),\(port6),\(coverage.digits)"
    }

    /// Where the program's socket is to be connected for a destination; nil where there is no listener it can reach.
    func address(for destination: Endpoint, ipv6Only: Bool) -> Endpoint? {
        if destination.family == AF_INET { return listener4 < 0 ? nil : .loopback(AF_INET, port: port4) }
        if !destination.isMapped && listener6 >= 0 { return .loopback(AF_INET6, port: port6) }
        return ipv6Only || listener4 < 0 ? nil : Endpoint.loopback(AF_INET, port: port4).mapped
    }

    /// Whether an address is one of the listeners'.
    func isMeeting(_ address: Endpoint) -> Bool {
        let plain = address.unmapped
        return plain.isLoopback && plain.port != 0 && plain.port == (plain.family == AF_INET ? port4 : port6)
    }

    /// A connection to the worker, over which one question is asked: a descriptor that doesn't block, or a negative
    /// errno, `-EAGAIN` while the worker's queue is full.
    func ask() -> Int32 {
        switch UnixSocket.connect(abstract: name.digits) {
        case .success(let descriptor): descriptor
        case .failure(let error): -error.code
        }
    }

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
    }

    private static func listen(_ family: Int32) -> (descriptor: Int32, port: UInt16) {
        let descriptor = clinux_socket(family, Int32(CLINUX_STREAM))
        if descriptor < 0 { return (-1, 0) }
        let bound = Endpoint.loopback(family, port: 0).withSocketAddress { bind(descriptor, $0, $1) }
        guard bound == 0, Glibc.listen(descriptor, SOMAXCONN) == 0,
            let name = Endpoint.name(of: descriptor, getsockname)
        else {
            Glibc.close(descriptor)
            return (-1, 0)
        }
        return (descriptor, name.port)
    }
}
