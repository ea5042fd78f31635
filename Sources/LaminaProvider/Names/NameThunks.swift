import CLamina
import Glibc

/// The table's functions for calls of the chain itself: each serves every layer of the plug-in.
enum NameThunks {
    /// Fills in those that a type has a protocol for.
    static func fill(_ table: inout lamina_table, _ own: Conformances) {
        if own.fills(LAMINA_ENTRY_RESOLVE) { table.resolve = resolve }
        if own.fills(LAMINA_ENTRY_REVERSE_RESOLVE) { table.reverse_resolve = reverseResolve }
        if own.fills(LAMINA_ENTRY_PROVIDER_CONTROL) { table.provider_control = providerControl }
    }

    private static let resolve: lamina_resolve_function = { slot, query, request in
        guard let part = Part(slot) else { return lamina_resolve(slot, query, request) }
        if part.own.resolveEnds != nil, !Frame.push(slot, request, resolveEnded, query) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.resolveCalls else { return lamina_resolve(slot, query, request) }
        return calls.enter(part, NameQuestion(query), slot, request)
    }

    private static let resolveEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.resolveEnds,
            let question = context?.assumingMemoryBound(to: lamina_resolve_arguments.self)
        else { return 0 }
        ends.end(part, slot, request, 0, NameQuestion(question))
        return 0
    }

    private static let reverseResolve: lamina_reverse_resolve_function = { slot, query, request in
        guard let part = Part(slot) else { return lamina_reverse_resolve(slot, query, request) }
        if part.own.reverseResolveEnds != nil, !Frame.push(slot, request, reverseResolveEnded, query) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.reverseResolveCalls else { return lamina_reverse_resolve(slot, query, request) }
        return calls.enter(part, AddressQuestion(query), slot, request)
    }

    private static let reverseResolveEnded: lamina_completion = { slot, request, context in
        guard let slot, let part = Part(slot), let ends = part.own.reverseResolveEnds,
            let question = context?.assumingMemoryBound(to: lamina_reverse_arguments.self)
        else { return 0 }
        ends.end(part, slot, request, 0, AddressQuestion(question))
        return 0
    }

    private static let providerControl: lamina_provider_control_function = { slot, operation, request in
        guard let part = Part(slot) else { return lamina_provider_control(slot, operation, request) }
        if part.own.providerControlEnds != nil, !Frame.push(slot, request, providerControlEnded, nil) {
            return lamina_complete(slot, request, -ENOMEM, 0)
        }
        guard let calls = part.own.providerControlCalls else {
            return lamina_provider_control(slot, operation, request)
        }
        return calls.enter(part, ControlOperation(operation), slot, request)
    }

    private static let providerControlEnded: lamina_completion = { slot, request, _ in
        guard let slot, let part = Part(slot), let ends = part.own.providerControlEnds else { return 0 }
        ends.end(part, slot, request, 0)
        return 0
    }
}
