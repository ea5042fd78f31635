public import CLamina
import Glibc

/// What a level is told in lines: the elements of a list setting, and files, in their order, each read again when it has
/// changed.
public final class LineSources<Content: LineContent>: @unchecked Sendable {
    private let own: Content
    // Guarded by the lock.
    private var files: [LineFile<Content>]
    private let slot: UnsafeMutablePointer<lamina_slot>
    private let upcalls: UnsafePointer<lamina_upcalls>

    /// Reads the settings `list` and `file` of the level that `instantiate` makes; `add` takes in an element of the list,
    /// and answers what is wrong with it in one line. Blocks for the files. The first element or file that can't be used
    /// is thrown.
    public init(
        list: StaticString,
        file: StaticString,
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        add: (inout Content, String) -> String?
    ) throws(LineProblem) {
        slot = arguments.pointee.slot
        upcalls = arguments.pointee.upcalls
        let settings = InstanceSettings(arguments)
        var own = Content()
        for text in settings.texts(list) {
            if let problem = add(&own, text) { throw LineProblem(text: problem) }
        }
        self.own = own
        files = []
        for path in settings.texts(file) { files.append(try LineFile(path)) }
    }

    /// The first answer, of the list, then of a file. Files that have changed are read again, up to the one that answers,
    /// which blocks for them; other threads wait. One that can't be used any more is named in a warning of the level, once,
    /// and says what it said before. Any thread.
    public func first<Result>(_ body: (Content) -> Result?) -> Result? {
        if let result = body(own) { return result }
        if files.isEmpty { return nil }
        var problems: [String] = []
        let result = lineSourcesLock.locked { () -> Result? in
            for index in files.indices {
                do throws(LineProblem) {
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
private let lineSourcesLock = PluginLock {}
