import Lamina

/// What a run's control has changed so far, for a worker that takes another's place.
struct RunChanges {
    private var settings: [(layer: String, settings: [LayerSpecification.Setting])] = []
    private var off: [String] = []

    /// Notes what a worker has carried out.
    mutating func note(_ command: ControlRequest.Command) {
        switch command {
        case .list, .watch: break
        case .set(let layer, let changed): settings.append((layer, changed))
        case .setLevel(let layer, let isOn):
            off.removeAll { $0 == layer }
            if !isOn { off.append(layer) }
        }
        // The last value of a key counts.
        guard settings.count > 1, let last = settings.last else { return }
        for index in settings.indices.dropLast() where settings[index].layer == last.layer {
            settings[index].settings.removeAll { old in last.settings.contains { $0.key == old.key } }
        }
        settings.removeAll { $0.settings.isEmpty }
    }

    /// The changes, in an order in which they can be made.
    var commands: [ControlRequest.Command] {
        settings.map { .set(layer: $0.layer, settings: $0.settings) } + off.map { .setLevel(layer: $0, isOn: false) }
    }
}
