import CLamina

/// Answers questions for the addresses of a name (getaddrinfo, WskGetAddressInfo) that no layer above has answered.
public protocol Resolves: Base, ~Copyable {
    /// The addresses of a name, or nil: the answer comes later by `pending`, which the base keeps. A failure is the answer too:
    /// ENOENT where there is no such name. Addresses in numbers and `localhost` are answered by the SDK and don't come here; it
    /// leaves out what is of another family, and puts in the question's port. Any thread, the chain itself being asked; must
    /// not block.
    func resolve(_ question: NameQuestion, _ pending: PendingAnswer<NameAnswer>) throws(Failure) -> NameAnswer?
}

/// Answers questions for the name of an address (getnameinfo, WskGetNameInfo) that no layer above has answered.
public protocol NamesAddresses: Base, ~Copyable {
    /// The name of an IP address, or nil: the answer comes later by `pending`, which the base keeps. A failure is the answer
    /// too, but where ENOENT says that there is no name and the caller takes numbers, the SDK answers with those, as it does
    /// where numbers are asked for. Any thread, the chain itself being asked; must not block.
    func name(of question: AddressQuestion, _ pending: PendingAnswer<String>) throws(Failure) -> String?
}

/// What a base answers to a question for a name.
public struct NameAnswer: Sendable {
    /// The addresses, in the order in which to try them, whatever their family and port; none: there is no such name.
    public var addresses: [Address]
    /// The name that the addresses belong to; nil where the base knows none but the one that was asked for.
    public var canonicalName: String?

    /// An answer.
    public init(_ addresses: [Address], canonicalName: String? = nil) {
        self.addresses = addresses
        self.canonicalName = canonicalName
    }
}
