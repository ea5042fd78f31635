import CLamina
import Glibc

/// Questions for names and addresses that a base in Swift answers.
enum BaseQuestions {
    static func resolve(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        query.pointee.count = 0
        guard lamina_address(asking: query.pointee) != nil else { return lamina_complete(slot, request, -ENOENT, 0) }
        nonisolated(unsafe) let place = query
        let pending = PendingAnswer<NameAnswer>(HeldQuestion(slot, request)) { write($0, place) }
        let question = NameQuestion(query)
        if let answer = known(question.name) { return pending.answered(.success(answer)) }
        guard let part = Part(slot), let type = part.base.pointee.own.resolves, !question.isNumeric else {
            return pending.answered(.failure(Failure(ENOENT)))
        }
        do throws(Failure) {
            return pending.answered(try type.answer(part, question, pending).map { .success($0) })
        } catch {
            return pending.answered(.failure(error))
        }
    }

    /// What no base is asked for: numbers, and this machine.
    private static func known(_ name: String) -> NameAnswer? {
        if let address = Address(name, port: 0) { return NameAnswer([address], canonicalName: name) }
        guard name.lowercased() == "localhost" else { return nil }
        let addresses = [Address("127.0.0.1", port: 0), Address("::1", port: 0)].compactMap { $0 }
        return NameAnswer(addresses, canonicalName: "localhost")
    }

    /// Writes an answer: a status, and how many addresses there are.
    private static func write(
        _ result: Result<NameAnswer, Failure>,
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>
    ) -> (status: Int32, count: UInt64) {
        switch result {
        case .failure(let failure): return (-failure.errno, 0)
        case .success(let answer):
            let question = NameQuestion(query)
            guard !answer.addresses.isEmpty else { return (-ENOENT, 0) }
            let count = question.answer(answer.addresses, canonicalName: answer.canonicalName)
            // A name that is known has no address of this family.
            return count > 0 || question.capacity == 0 ? (0, UInt64(count)) : (-EADDRNOTAVAIL, 0)
        }
    }

    static func reverse(
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        nonisolated(unsafe) let place = query
        let pending = PendingAnswer<String>(HeldQuestion(slot, request)) { write($0, place) }
        let question = AddressQuestion(query)
        let address = question.address
        guard address.isWhole, address.family != AF_UNIX else { return pending.answered(.failure(Failure(EINVAL))) }
        guard let part = Part(slot), let type = part.base.pointee.own.namesAddresses, !question.isNumeric else {
            return pending.answered(.failure(Failure(ENOENT)))
        }
        do throws(Failure) {
            return pending.answered(try type.answer(part, question, pending).map { .success($0) })
        } catch {
            return pending.answered(.failure(error))
        }
    }

    /// Writes a name, or numbers where there is none and the caller takes them.
    private static func write(
        _ result: Result<String, Failure>,
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>
    ) -> (status: Int32, count: UInt64) {
        let question = AddressQuestion(query)
        switch result {
        case .success(let name): question.answer(name)
        case .failure(let failure):
            guard failure.errno == ENOENT, question.isNumeric || !question.needsName else { return (-failure.errno, 0) }
            let address = query.field(\.address)
            let room = UnsafeMutableRawPointer(query.field(\.name)).assumingMemoryBound(to: CChar.self)
            let capacity = socklen_t(LAMINA_NAME_CAPACITY)
            let code = getnameinfo(address.socket, address.pointee.length, room, capacity, nil, 0, NI_NUMERICHOST)
            return (lamina_status_of_eai(code, errno), 0)
        }
        return (0, 0)
    }
}

extension Resolves where Self: ~Copyable {
    fileprivate static func answer(
        _ part: Part,
        _ question: NameQuestion,
        _ pending: PendingAnswer<NameAnswer>
    ) throws(Failure) -> NameAnswer? {
        try part.valueMemory.assumingMemoryBound(to: Self.self).pointee.resolve(question, pending)
    }
}

extension NamesAddresses where Self: ~Copyable {
    fileprivate static func answer(
        _ part: Part,
        _ question: AddressQuestion,
        _ pending: PendingAnswer<String>
    ) throws(Failure) -> String? {
        try part.valueMemory.assumingMemoryBound(to: Self.self).pointee.name(of: question, pending)
    }
}
