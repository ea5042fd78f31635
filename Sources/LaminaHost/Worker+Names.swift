import CLamina
import CLaminaRun
import Glibc
import Lamina

/// The questions of a program for names and addresses, and connects to addresses that stand for names.
extension Worker {
    /// A question for the addresses of a name.
    func resolve(_ caller: Caller, _ request: lamina_run_request) {
        let name = withUnsafeBytes(of: request.name) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let question = NameQuestion(
            name,
            family: request.family,
            options: NameQuestion.Options(rawValue: UInt32(bitPattern: request.flags)),
            origin: programs.origin(of: caller, name: name)
        )
        lookUp(question, for: caller.process) { [weak caller] status, addresses, canonical in
            caller?.answer(status, addresses, name: canonical)
        }
    }

    /// Asks the chain, or the system where no layer is to be asked. `completion` runs once, with 0 and at least one
    /// address, or a negative errno.
    func lookUp(
        _ question: NameQuestion,
        for process: pid_t,
        completion: @escaping (lamina_status, [Endpoint], String?) -> Void
    ) {
        let name = question.name
        let asked = coverage.bypasses(name: name) ? bare ?? runner : runner
        asked.resolve(question) { [weak self] status, lookup in
            guard let self, status >= 0 else { return completion(min(status, -1), [], nil) }
            guard let addresses = addresses(lookup.found, of: name, family: question.family) else {
                return completion(-EAGAIN, [], nil)
            }
            guard !addresses.isEmpty else { return completion(-ENODATA, [], nil) }
            for address in addresses { names.note(name, for: address, process: process) }
            completion(0, addresses, lookup.canonicalName)
        }
    }

    /// What a program gets for an answer: names that nobody resolved become synthetic addresses. Nil: none is free.
    private func addresses(_ found: [lamina_address], of name: String, family: Int32) -> [Endpoint]? {
        var result: [Endpoint] = []
        for address in found {
            if let endpoint = Endpoint(address) {
                result.append(endpoint)
            } else if let target = Address(address).name {
                guard let given = synthetics.give(asked: name, target: target, family: family) else { return nil }
                result.append(given)
            }
        }
        return result
    }

    /// A question for the name of an address.
    func reverse(_ caller: Caller, _ request: lamina_run_request) {
        let address = Endpoint(request.destination)
        guard address.family == AF_INET || address.family == AF_INET6 else { return caller.answer(-EAFNOSUPPORT) }
        let origin = programs.origin(of: caller, name: nil)
        lookUp(address, flags: request.flags, origin: origin) { [weak caller] status, name in
            caller?.answer(status, name: name)
        }
    }

    /// Asks for the name of an address. `completion` runs once, with 0 and a name, or a negative errno.
    func lookUp(
        _ address: Endpoint,
        flags: Int32,
        origin: OriginStorage,
        completion: @escaping (lamina_status, String?) -> Void
    ) {
        if synthetics.owns(address) {
            let name = synthetics.name(of: address)
            return completion(name == nil ? -ENOENT : 0, name)
        }
        let asked = isBypassed(address, name: nil) ? bare ?? runner : runner
        asked.reverse(address, flags: flags, origin: origin) { status, name in completion(status, name) }
    }

    /// The name that a program asked for when it got an address, and the name to connect to in its place. Nil: it is one
    /// of those that stand for names, and stands for none.
    func meaning(of address: Endpoint, _ passage: Passage, _ caller: Caller) -> (asked: String?, target: String?)? {
        guard synthetics.owns(address) else { return (names.name(for: address, process: caller.process), nil) }
        guard let meant = synthetics.begin(passage.cookie, to: address) else {
            let program = OriginStorage.executablePath(of: caller.process) ?? "a program"
            Output.log(
                .error,
                "",
                "\(program) (pid \(caller.process)): \(address) is a synthetic address that stands for no name, or no longer "
                    + "does; it has to look the name up again (--synthetic takes other networks); refused"
            )
            return nil
        }
        passage.isHeld = true
        return meant
    }

    /// The connect to a synthetic address has been answered, or given up.
    func release(_ passage: Passage, isUsed: Bool) {
        guard passage.isHeld else { return }
        passage.isHeld = false
        synthetics.settle(passage.cookie, isUsed: isUsed)
    }

    /// Whether a destination is none of the run's.
    func isBypassed(_ destination: Endpoint, name: String?) -> Bool {
        guard coverage.hasRules else { return false }
        return coverage.bypasses(
            ConditionSubject(address: destination.network, port: destination.port, name: name)
        )
    }

    /// Sends the program's own socket to a destination that is none of the run's.
    func letPass(_ caller: Caller, to destination: Endpoint) {
        Output.log(.debug, "", "\(destination): bypassed")
        caller.answer(destination)
    }
}
