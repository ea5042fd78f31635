import CLamina
import CLaminaRun
import Glibc
import Lamina

/// The stand-ins of a worker, one for each name server that a program of the run has asked.
final class NameServers {
    /// The port of the name service.
    static let port: UInt16 = 53
    /// How many there may be.
    private static let capacity = 250
    private static let mostUnknownTypes = 8

    private let loop: EventLoop
    private let answer: NameServer.Answer
    private var servers: [NameServer] = []
    private var unknownTypes: Set<UInt16> = []

    init(_ loop: EventLoop, answer: @escaping NameServer.Answer) {
        self.loop = loop
        self.answer = answer
    }

    /// What stands for a name server, made where there is none yet; nil where none can be made.
    func server(for original: Endpoint) -> NameServer? {
        if let found = servers.first(where: { $0.original == original }) { return found }
        guard servers.count < Self.capacity else { return nil }
        do throws(Errno) {
            let made = try NameServer(for: original, at: host(for: original), loop, answer: answer)
            servers.append(made)
            return made
        } catch {
            say("no name server can stand for \(original) (\(error.text)): a program's question to it fails")
            return nil
        }
    }

    /// Each of IPv4 has an address of its own, by which the preload object knows them; IPv6 has only one loopback address.
    private func host(for original: Endpoint) -> Endpoint {
        if original.unmapped.family == AF_INET6 { return .loopback(AF_INET6, port: 0) }
        var host = Endpoint.loopback(AF_INET, port: 0)
        let network = UInt32(LAMINA_RUN_NAME_SERVERS)
        host.raw.storage.ipv4.sin_addr.s_addr = (network | UInt32(servers.count + 1)).bigEndian
        return host
    }

    /// Says, once for each of a few types, that a program wants records that nobody here has.
    func sayUnknown(_ query: NameQuery) {
        guard unknownTypes.count < Self.mostUnknownTypes, unknownTypes.insert(query.typeNumber).inserted else { return }
        Output.log(
            .notice,
            "",
            "a program asks a name server for records of type \(query.typeNumber) of \(query.name), which no layer knows of; "
                + "it is answered that there is no such service"
        )
    }

    /// The server that a datagram from `address` stands for.
    func original(of address: Endpoint) -> Endpoint? { servers.first { $0.datagrams == address }?.original }
}
