public import CLamina
public import Glibc

/// Names by requests, for callers that bring their own completion routines: they never wait.
extension Chain {
    /// Turns a name into addresses (WskGetAddressInfo). `query` must live until `request` completes. Levels whose
    /// conditions leave the question out are passed by.
    public func resolve(
        _ query: UnsafeMutablePointer<lamina_resolve_arguments>,
        request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard hasNameConditions else { return lamina_resolve(slots, query, request) }
        let subject = ConditionSubject(
            port: query.pointee.port == 0 ? nil : query.pointee.port,
            name: String(cString: query.pointee.name),
            program: program(query.pointee.origin)
        )
        return lamina_resolve(slots(forQuestion: subject), query, request)
    }

    /// Turns an address into a name (WskGetNameInfo). `query` must live until `request` completes. Levels whose
    /// conditions leave the question out are passed by.
    public func reverseResolve(
        _ query: UnsafeMutablePointer<lamina_reverse_arguments>,
        request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        guard hasNameConditions else { return lamina_reverse_resolve(slots, query, request) }
        let address = Address(query.pointee.address)
        let subject = ConditionSubject(
            address: address.network,
            port: address.port == 0 ? nil : address.port,
            program: program(query.pointee.origin)
        )
        return lamina_reverse_resolve(slots(forQuestion: subject), query, request)
    }

    private func program(_ origin: UnsafePointer<lamina_origin>?) -> String? {
        guard let origin else { return OriginStorage.program.executable }
        return origin.pointee.executable.map { String(cString: $0) }
    }
}

/// Names for callers that wait, on the thread that asks; on a thread that runs an engine, what can't be answered at once
/// fails with EDEADLK. A deadline is in nanoseconds of CLOCK_MONOTONIC, 0 for none.
extension Chain {
    /// The addresses of a name, as the chain's levels answer it (getaddrinfo, WskGetAddressInfo).
    public func resolve(
        _ name: String,
        port: UInt16,
        family: Int32 = 0,
        deadline: Int64 = 0
    ) throws(LaminaError) -> [Address] {
        try lookUp(NameQuestion(name, port: port, family: family), deadline: deadline).addresses
    }

    /// The answer to a question for a name (getaddrinfo, WskGetAddressInfo). ENOENT: there is no such name; <doc:Names>
    /// has the others.
    public func lookUp(_ question: NameQuestion, deadline: Int64 = 0) throws(LaminaError) -> NameAnswer {
        let lookup = NameLookup(question)
        let outcome = WaitingOperation.run(nil, engine: engine, deadline: deadline) { lookup.start(self, $0) }
        try outcome.check("name \"\(question.name)\"")
        return lookup.answer
    }

    /// The name of an address, as the chain's levels answer it (getnameinfo, WskGetNameInfo), by getnameinfo's `NI_…`
    /// flags. ENOENT: it has none.
    public func name(
        of address: Address,
        flags: Int32 = NI_NAMEREQD,
        deadline: Int64 = 0
    ) throws(LaminaError) -> String {
        let lookup = ReverseLookup(address, flags: flags)
        let outcome = WaitingOperation.run(nil, engine: engine, deadline: deadline) { lookup.start(self, $0) }
        try outcome.check("name of \(address)")
        return lookup.name
    }
}

/// The same for tasks. Cancelling the task cancels the request.
extension Chain {
    /// The answer to a question for a name (getaddrinfo, WskGetAddressInfo).
    public func lookUp(_ question: NameQuestion) async throws(LaminaError) -> NameAnswer {
        let lookup = NameLookup(question)
        let outcome = await AsyncOperation.run { lookup.start(self, $0) }
        try outcome.check("name \"\(question.name)\"")
        return lookup.answer
    }

    /// The name of an address (getnameinfo, WskGetNameInfo), by getnameinfo's `NI_…` flags.
    public func name(of address: Address, flags: Int32 = NI_NAMEREQD) async throws(LaminaError) -> String {
        let lookup = ReverseLookup(address, flags: flags)
        let outcome = await AsyncOperation.run { lookup.start(self, $0) }
        try outcome.check("name of \(address)")
        return lookup.name
    }
}
