import CLinux
import Lamina

/// Where a worker crashed, as it said itself.
struct Crash {
    private let record: clinux_crash

    /// Reads a worker's message; nil where it is another one.
    init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == MemoryLayout<clinux_crash>.size, bytes.first == UInt8(CLINUX_CRASH_REPORT) else {
            return nil
        }
        record = bytes.withUnsafeBytes { $0.loadUnaligned(as: clinux_crash.self) }
    }

    /// What it died of, and whose code was being run, as the end of a sentence.
    func description(in run: Run) -> String {
        let ending = "died by \(Signals.name(record.number))"
        guard let file else { return "\(ending) in \(run.labels)" }
        let function = withUnsafeBytes(of: record.function, Crash.text)
        let place = function.isEmpty ? "at 0x\(String(record.offset, radix: 16))" : "in \(function)"
        // A path without a label says nothing that the file doesn't.
        let named = run.layers.filter { ($0.hasOwnLabel || !$0.isPath) && path(of: $0, in: run) == file }
        let labels = named.map(\.label).joined(separator: ", ")
        let layer = labels.isEmpty ? "" : " (\(labels))"
        return "\(ending) \(record.called == 0 ? place : "in what was called \(place)") of \(file)\(layer)"
    }

    private var file: String? {
        let path = withUnsafeBytes(of: record.file, Crash.text)
        return path.isEmpty ? nil : path
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A layer's library without links, as the loader has it.
    private func path(of layer: LayerSpecification, in run: Run) -> String? {
        let path = layer.isPath ? layer.name : (try? run.catalog.entry(named: layer.name))?.library
        return path.flatMap(Process.withoutLinks)
    }
}
