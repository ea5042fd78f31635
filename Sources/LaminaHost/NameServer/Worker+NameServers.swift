import CLamina
import Glibc
import Lamina

/// The questions that a program's own resolver sends to name servers: the chain answers them.
extension Worker {
    /// What stands for a name server, or which one an address stands for.
    func standIn(_ caller: Caller, for original: Endpoint) {
        guard let server = nameServers.server(for: original) else { return caller.answer(error: ENETUNREACH) }
        server.asker = caller.process
        caller.answer(server.datagrams.inFamily(of: original))
    }

    func original(_ caller: Caller, of address: Endpoint) {
        guard let original = nameServers.original(of: address) else { return caller.answer(error: ENOENT) }
        caller.answer(original.inFamily(of: address))
    }

    /// Connects a program's own socket to what stands for a name server; false where `destination` is none.
    func connectToNameServer(_ caller: Caller, _ passage: Passage) -> Bool {
        let destination = passage.destination
        guard destination.port == NameServers.port, let server = nameServers.server(for: destination) else {
            return false
        }
        server.asker = caller.process
        remember(passage)
        letPass(caller, to: server.connections.inFamily(of: destination))
        return true
    }

    /// Answers a question to a name server.
    func answer(_ query: NameQuery, of process: pid_t, limit: Int, _ respond: @escaping ([UInt8]) -> Void) {
        switch query.kind {
        case .a: answer(query, AF_INET, of: process, limit, respond)
        case .aaaa: answer(query, AF_INET6, of: process, limit, respond)
        case .ptr: answerName(query, of: process, respond)
        case .svcb, .https: respond(query.response(.success))
        case nil:
            nameServers.sayUnknown(query)
            respond(query.response(.notImplemented))
        }
    }

    private func answer(
        _ query: NameQuery,
        _ family: Int32,
        of process: pid_t,
        _ limit: Int,
        _ respond: @escaping ([UInt8]) -> Void
    ) {
        // The root has no addresses.
        if query.name.isEmpty { return respond(query.response(.success)) }
        let origin = OriginStorage.of(process, name: query.name)
        lookUp(NameQuestion(query.name, family: family, origin: origin), for: process) { [weak self] status, found, _ in
            switch status {
            case 0: respond(query.response(found.compactMap(\.network), limit: limit))
            case -ENODATA, -EADDRNOTAVAIL: respond(query.response(.success))
            case -ENOENT:
                // A name without addresses of this family is one all the same.
                guard let self else { return }
                lookUp(NameQuestion(query.name, origin: origin), for: process) { status, _, _ in
                    respond(query.response(status == -ENOENT ? .noSuchName : .success))
                }
            default: respond(query.response(.failure))
            }
        }
    }

    private func answerName(_ query: NameQuery, of process: pid_t, _ respond: @escaping ([UInt8]) -> Void) {
        guard let address = query.address.flatMap({ Endpoint(host: "\($0)", port: 0) }) else {
            return respond(query.response(.noSuchName))
        }
        lookUp(address, flags: NI_NAMEREQD, origin: .of(process, name: nil)) { status, name in
            guard status >= 0, let name else {
                return respond(query.response(status == -ENOENT || status == -ENODATA ? .noSuchName : .failure))
            }
            respond(query.response(name: name) ?? query.response(.failure))
        }
    }
}
