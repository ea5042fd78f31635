import Glibc

/// What a level is told in lines: the elements of a list setting, and files, in their order, each read again when it has
/// changed.
public final class LineSources<Content: LineContent>: @unchecked Sendable {
    private let own: Content
    // Guarded by the lock.
    private var files: [LineFile<Content>]
    private let level: Level

    /// Takes in the elements of a list, by `add`, which answers what is wrong with one in one line, and reads the files. Blocks
    /// for the files. The first element or file that can't be used is a failure with EINVAL.
    public init(
        _ level: Level,
        list: [String],
        files paths: [String],
        add: (inout Content, String) -> String?
    ) throws(Failure) {
        self.level = level
        var own = Content()
        for text in list {
            if let problem = add(&own, text) { throw Failure(EINVAL, problem) }
        }
        self.own = own
        files = []
        do throws(LineProblem) {
            for path in paths { files.append(try LineFile(path)) }
        } catch {
            throw Failure(EINVAL, error.text)
        }
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
        for problem in problems { level.log(.warning, "\(problem); what it said before still holds") }
        return result
    }
}

/// One for all of a plug-in's levels: look-ups are seldom.
private let lineSourcesLock = PluginLock {}
