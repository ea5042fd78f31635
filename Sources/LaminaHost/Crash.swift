import Lamina

/// Where a worker crashed, as it said itself.
struct Crash {
    private let record: CrashRecord

    /// Reads a worker's message; nil where it is another one.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard let record = CrashRecord(bytes) else { return nil }
        self.record = record
    }

    /// What it died of, and whose code was being run, as the end of a sentence.
    func description(in run: Run) -> String {
        let ending = "died by \(CrashRecord.name(ofSignal: record.signal))"
        guard let file = record.file else { return "\(ending) in \(run.labels)" }
        // A path without a label says nothing that the file doesn't.
        let named = layers(in: run).filter { $0.hasOwnLabel || !$0.isPath }
        let labels = named.map(\.label).joined(separator: ", ")
        let layer = labels.isEmpty ? "" : " (\(labels))"
        return "\(ending) \(record.place) of \(file)\(layer)"
    }

    /// The run's layers whose library's code was being run.
    func layers(in run: Run) -> [LayerSpecification] {
        guard let file = record.file else { return [] }
        return run.layers.filter { path(of: $0, in: run) == file }
    }

    /// Quarantines the library for those of the layers that the catalog named, and gives their names.
    func quarantine(in run: Run) throws(LaminaError) -> [String] {
        var names: [String] = []
        for layer in layers(in: run) where !layer.isPath && !names.contains(layer.name) { names.append(layer.name) }
        guard let file = record.file, !names.isEmpty else { return [] }
        let record = try Quarantine.Record(
            of: file,
            names: names,
            signal: record.signal,
            place: record.place,
            chain: run.layers.map(\.label),
            program: run.program
        )
        try run.catalog.quarantine.add(record)
        return names
    }

    /// A layer's library without links, as the loader has it.
    private func path(of layer: LayerSpecification, in run: Run) -> String? {
        let path = layer.isPath ? layer.name : (try? run.catalog.entry(named: layer.name))?.library
        return path.flatMap(Process.withoutLinks)
    }
}
