import CLamina

/// Sees questions for the addresses of a name (getaddrinfo, WskGetAddressInfo), on their way down.
public protocol ResolveCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread, the chain itself being asked; must not block.
    func resolve(_ question: NameQuestion, next: consuming Next<NoState>) -> Answer
}

/// Sees how such calls (`resolve`) ended.
public protocol ResolveEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `question` has the answers. Any thread; must not block.
    func resolveEnded(_ ending: borrowing Ending<NoState>, _ question: NameQuestion)
}

/// Sees questions for the name of an address (getnameinfo, WskGetNameInfo), on their way down.
public protocol ReverseResolveCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread, the chain itself being asked; must not block.
    func reverseResolve(_ question: AddressQuestion, next: consuming Next<NoState>) -> Answer
}

/// Sees how such calls (`reverse_resolve`) ended.
public protocol ReverseResolveEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. `question` has the answer. Any thread; must not block.
    func reverseResolveEnded(_ ending: borrowing Ending<NoState>, _ question: AddressQuestion)
}

/// Sees control of the provider itself rather than of a socket (WskControlClient), on their way down.
public protocol ProviderControlCalls: Layer, ~Copyable {
    /// Passes the call on by `next`, changed or not, or ends it. Any thread, the chain itself being asked; must not block.
    func providerControl(_ operation: ControlOperation, next: consuming Next<NoState>) -> Answer
}

/// Sees how such calls (`provider_control`) ended.
public protocol ProviderControlEnds: Layer, ~Copyable {
    /// Runs once for each, whoever ended it and how. Any thread; must not block.
    func providerControlEnded(_ ending: borrowing Ending<NoState>)
}

extension ResolveCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ question: NameQuestion,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.resolve(question, next: Next(slot, request)).status
    }
}

extension ResolveEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: NameQuestion
    ) {
        part.layer(Self.self).pointee.resolveEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension ReverseResolveCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ question: AddressQuestion,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.reverseResolve(question, next: Next(slot, request)).status
    }
}

extension ReverseResolveEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64,
        _ detail: AddressQuestion
    ) {
        part.layer(Self.self).pointee.reverseResolveEnded(Ending(slot, request, moved: moved), detail)
    }
}

extension ProviderControlCalls where Self: ~Copyable {
    @inline(__always)
    static func enter(
        _ part: Part,
        _ operation: ControlOperation,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>
    ) -> lamina_status {
        part.layer(Self.self).pointee.providerControl(operation, next: Next(slot, request)).status
    }
}

extension ProviderControlEnds where Self: ~Copyable {
    @inline(__always)
    static func end(
        _ part: Part,
        _ slot: UnsafeMutablePointer<lamina_slot>,
        _ request: UnsafeMutablePointer<lamina_request>,
        _ moved: UInt64
    ) {
        part.layer(Self.self).pointee.providerControlEnded(Ending(slot, request, moved: moved))
    }
}
