import LaminaProvider
import Synchronization

/// What a level writes lines with: its settings, and where they go.
final class Lines: Sendable {
    let label: String
    let filter: Filter
    private let looks: Atomic<UInt64>
    /// Whether calls that carry data come here.
    private let seesData: Bool
    /// Nil where lines go to the framework's output.
    private let file: OutputFile?
    private let path: String
    /// Whether a line could not be written, which is said once.
    private let isLost = Atomic<Bool>(false)

    init(_ level: Level) throws(Failure) {
        let look = Look(level)
        label = level.label
        looks = Atomic(look.bits)
        seesData = look.data != .none
        filter = Filter(level[Trace.only], withData: seesData)
        path = level[Trace.file]
        guard level.has(Trace.file) else {
            file = nil
            return
        }
        do throws(Failure) {
            file = try OutputFile(path, from: .end)
        } catch {
            let advice = "give a file in a directory that you may write"
            throw Failure(error.errno, "file: \(path) can't be opened: \(error); \(advice)")
        }
    }

    /// What lines look like now.
    var look: Look { Look(bits: looks.load(ordering: .relaxed)) }

    /// Takes the values of live settings.
    func reconfigure(_ level: Level) throws(Failure) {
        let look = Look(level)
        guard look.bytes <= Look.mostBytes else { throw Failure(22, "is more than 64k; give less") }
        guard seesData || look.data == .none else {
            throw Failure(22, "was none at the start, so that data calls pass the layer by")
        }
        looks.store(look.bits, ordering: .relaxed)
    }

    /// What the line of a call or event will say; nil where it has none.
    func begins(_ call: borrowing ObservedCall<Trace.State>) -> Operation? {
        let look = look
        return filter.shows(call.entry, look) ? Operation(call, look) : nil
    }

    /// Writes the line of a call or event that has ended.
    func ended(_ operation: Operation, _ ending: borrowing ObservedEnd<Trace.State>) {
        guard !look.errorsOnly || ending.hasFailed else { return }
        let line = TraceLine.line(operation, ending, label: label, hasLabel: file == nil)
        put(line, ending.socket)
    }

    private func put(_ line: borrowing LineBuffer, _ socket: borrowing Socket) {
        guard let file else { return socket.output(line) }
        do throws(Failure) {
            try file.write(line)
        } catch {
            guard !isLost.exchange(true, ordering: .relaxed) else { return }
            socket.log(.error, "lines can't be written to \(path) and are lost: \(error)")
        }
    }
}
