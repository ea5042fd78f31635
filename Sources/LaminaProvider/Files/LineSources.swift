import Glibc

/// What a level is told in lines: the elements of a list setting, and files, in their order, each read again when it has
/// changed.
public final class LineSources<Content: LineContent>: @unchecked Sendable {
    /// Takes in an element of the list. Answers what is wrong with it, in one line.
    private let add: (inout Content, String) -> String?
    // Guarded by the lock.
    private var own: Content
    private var files: [LineFile<Content>]
    private let level: Level

    /// Takes in the elements of a list, by `add`, which answers what is wrong with one in one line, and reads the files. Blocks
    /// for the files. The first element or file that can't be used is a failure with EINVAL.
    public init(
        _ level: Level,
        list: [String],
        files paths: [String],
        add: @escaping (inout Content, String) -> String?
    ) throws(Failure) {
        self.level = level
        self.add = add
        (own, files) = try Self.read(list, paths, add)
    }

    /// Takes another list and other files in the place of those that it has: all or none. Blocks for the files. Any thread.
    public func change(list: [String], files paths: [String]) throws(Failure) {
        let (own, files) = try Self.read(list, paths, add)
        lineSourcesLock.locked { (self.own, self.files) = (own, files) }
    }

    private static func read(
        _ list: [String],
        _ paths: [String],
        _ add: (inout Content, String) -> String?
    ) throws(Failure) -> (Content, [LineFile<Content>]) {
        var own = Content()
        for text in list {
            if let problem = add(&own, text) { throw Failure(EINVAL, problem) }
        }
        do throws(LineProblem) {
            var files: [LineFile<Content>] = []
            for path in paths { files.append(try LineFile(path)) }
            return (own, files)
        } catch {
            throw Failure(EINVAL, error.text)
        }
    }

    /// The first answer, of the list, then of a file. Files that have changed are read again, up to the one that answers,
    /// which blocks for them; other threads wait. One that can't be used any more is named in a warning of the level, once,
    /// and says what it said before. Any thread.
    public func first<Result>(_ body: (Content) -> Result?) -> Result? {
        var problems: [String] = []
        let result = lineSourcesLock.locked { () -> Result? in
            if let result = body(own) { return result }
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

    /// What the list says, then the files as `first` last saw them, each behind where it comes from: nil, or a path. Any
    /// thread.
    public var contents: [(file: String?, content: Content)] {
        lineSourcesLock.locked { [(nil, own)] + files.map { ($0.path, $0.content) } }
    }
}

/// One for all of a plug-in's levels: look-ups are seldom.
private let lineSourcesLock = PluginLock {}
