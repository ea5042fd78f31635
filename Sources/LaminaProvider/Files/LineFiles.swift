public import CLamina
import Glibc

/// The files that a level's settings name, in their order, each read again when it has changed.
public final class LineFiles<Content: LineContent>: @unchecked Sendable {
    // Guarded by the lock.
    private var files: [LineFile<Content>]
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let upcalls: UnsafePointer<lamina_upcalls>

    /// Reads the files of these paths for the level that `instantiate` makes. Blocks for them; the first that can't be
    /// used is thrown.
    public init(
        _ paths: [String],
        _ arguments: UnsafePointer<lamina_instance_arguments>
    ) throws(LineFileProblem) {
        slot = arguments.pointee.slot
        upcalls = arguments.pointee.upcalls
        files = []
        for path in paths { files.append(try LineFile(path)) }
    }

    /// The first answer of a file. Files that have changed are read again, up to the one that answers, which blocks for
    /// them; other threads wait. One that can't be used any more is named in a warning of the level, once, and says what
    /// it said before. Any thread.
    public func first<Result>(_ body: (Content) -> Result?) -> Result? {
        if files.isEmpty { return nil }
        var problems: [String] = []
        let result = lineFilesLock.locked { () -> Result? in
            for index in files.indices {
                do throws(LineFileProblem) {
                    try files[index].refresh()
                } catch {
                    problems.append(error.text)
                }
                if let result = body(files[index].content) { return result }
            }
            return nil
        }
        for problem in problems { warn("\(problem); what it said before still holds") }
        return result
    }

    private func warn(_ text: String) {
        text.withCString { upcalls.pointee.log(slot, UInt32(LAMINA_LOG_WARNING), $0, strlen($0)) }
    }
}

/// One for all of a plug-in's levels: look-ups are seldom.
private let lineFilesLock = PluginLock {}
