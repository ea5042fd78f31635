import Lamina

/// What a run's control does to its chain, on the thread of the worker's loop.
extension ChainRunner {
    /// Carries out what a supervisor passed on: the members of the reply. Throws what the requester is told.
    func carryOut(_ command: ControlRequest.Command) throws(LaminaError) -> JSON.Object {
        var reply = JSON.Object()
        switch command {
        case .list, .watch: return status
        case .set(let label, let settings):
            try instance(labelled: label).configure(settings)
            reply["sockets"] = .integer(Int64(try chain.socketCount(passing: label)))
        case .setLevel(let label, let isOn):
            let switching = try chain.setLevel(instance(labelled: label).label, isOn: isOn)
            if switching.changed > 0 { sockets.renew() }
            reply["sockets"] = .integer(Int64(switching.changed))
            reply["kept"] = .integer(Int64(switching.kept))
        }
        return reply
    }

    /// The level of a label that a user may name.
    private func instance(labelled label: String) throws(LaminaError) -> Instance {
        let named = namedInstances
        if let found = named.first(where: { $0.label == label }) { return found }
        let labels = named.map(\.label)
        throw LaminaError(
            .notFound,
            "layer \"\(label)\"",
            "is none of the run's",
            remedy: Suggestion.remedy(
                for: label,
                among: labels,
                otherwise: "there are \(labels.joined(separator: ", "))"
            )
        )
    }

    private var namedInstances: [Instance] { chain.instances.filter { $0.label != RunLayer.label } }

    /// What the chain is and what its sockets do.
    private var status: JSON.Object {
        var status = JSON.Object()
        status["layers"] = .array(namedInstances.map(describe))
        status["sockets"] = [
            "open": .integer(Int64(sockets.count)), "direct": .integer(Int64(clamping: sockets.direct)),
        ]
        status["bytes"] = [
            "sent": .integer(Int64(clamping: sockets.sent)), "received": .integer(Int64(clamping: sockets.received)),
        ]
        return status
    }

    private func describe(_ instance: Instance) -> JSON {
        var settings = JSON.Object()
        for item in instance.settings.items { settings[item.name] = .string(item.value.description) }
        let manifest = instance.provider.manifest
        return [
            "label": .string(instance.label),
            "name": .string(instance.provider.name),
            "kind": .string(manifest.kind.rawValue),
            "on": .bool((try? chain.isOn(instance.label)) ?? true),
            "settings": .object(settings),
            "live": .array(manifest.settings.filter(\.isLive).map { .string($0.name) }),
        ]
    }
}
