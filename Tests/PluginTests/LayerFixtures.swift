import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization
import Testing

/// The products of the build, and plug-ins that the tests build themselves from the headers alone.
enum Plugin {
    /// The file of a plug-in of the project, by its name.
    static func product(_ name: String) -> String { "\(BaseProvider.folder)/libLamina\(name).so" }

    /// Builds a fixture layer with a compiler, once a process, and gives the library's path.
    static func build(_ name: String, with compiler: [String] = ["cc", "-std=gnu11"]) throws -> String {
        try built.withLock { built in
            let key = ([name] + compiler).joined(separator: " ")
            if let library = built[key] { return library }
            let library = "\(folder)/lib\(name)-\(built.count).so"
            let status = try execute(
                compiler + ["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-pthread"]
                    + ["-I", "\(package)/Sources/CLamina/include", "\(package)/Tests/Fixtures/layers/\(name).c"]
                    + ["-o", library]
            )
            try #require(status == 0, "\(name) could not be built")
            built[key] = library
            return library
        }
    }

    private static let built = Mutex<[String: String]>([:])

    /// Where the fixtures are built; removed when the process exits.
    private static let folder: String = {
        atexit { _ = try? Plugin.execute(["rm", "-rf", Plugin.folder]) }
        return Scratch.fresh() ?? ""
    }()

    /// The package's folder.
    static let package = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// Runs a command with its output on standard error and gives its exit status.
    static func execute(_ arguments: [String]) throws -> Int32 {
        let argv = arguments.map { strdup($0) }
        defer { argv.forEach { free($0) } }
        var process: pid_t = 0
        try #require(posix_spawnp(&process, arguments[0], nil, nil, argv + [nil], environ) == 0)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return clinux_exit_code(status)
    }
}

/// A fresh directory that is removed with what it holds at the end of its life.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = try #require(Self.fresh())
    }

    /// A fresh directory, nil where none could be made.
    static func fresh() -> String? {
        guard let template = strdup("/tmp/lamina-layers-XXXXXX") else { return nil }
        defer { free(template) }
        return mkdtemp(template).map { String(cString: $0) }
    }

    deinit {
        _ = try? Plugin.execute(["rm", "-rf", path])
    }

    /// A file's text.
    func read(_ name: String) throws -> String {
        let descriptor = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0, "\(name) is missing")
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = Glibc.read(descriptor, &chunk, chunk.count), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A file's lines.
    func lines(_ name: String) throws -> [String] {
        try read(name).split(separator: "\n").map(String.init)
    }
}

/// What layers put out without a file of their own. It is one stream for the whole process, so a test finds its lines
/// by its level's label.
enum LayerOutput {
    /// A file without a name.
    private static let file: Int32 = {
        let template = strdup("/tmp/lamina-output-XXXXXX")
        defer { free(template) }
        guard let template else { return -1 }
        let descriptor = mkstemp(template)
        unlink(template)
        Output.redirect(to: descriptor)
        return descriptor
    }()

    /// Sends layers' output to the file from now on.
    static func capture() { _ = file }

    /// The lines of a level so far, without `lamina:` and the label.
    static func lines(of label: String) -> [String] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = pread(file, &chunk, chunk.count, off_t(bytes.count)), count > 0 {
            bytes += chunk[..<count]
        }
        let prefix = "lamina: \(label): "
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix(prefix) }
            .map { String($0.dropFirst(prefix.count)) }
    }

    /// A label that no other test has.
    static func label(_ name: String) -> String {
        "\(name)-\(UInt64.random(in: .min ... .max))"
    }
}

/// Makes a chain of plug-ins: `NAME:settings` for each, with its file, the base last.
func chain(_ parts: (layer: String, file: String)...) throws -> Chain {
    try Chain(parts.map { (try LayerSpecification(parsing: $0.layer), try Library.load($0.file).provider()) })
}

extension Socket {
    /// The function that this socket's sends call first, and how many levels below slot 0 it belongs to.
    var sendLink: (function: UInt, levels: Int) {
        let link = handle.slot.pointee.send
        return (
            unsafeBitCast(link.function, to: UInt.self),
            link.slot.map { $0 - UnsafeMutablePointer(handle.slot) } ?? -1
        )
    }

    /// Makes a call that the Swift API doesn't have, and waits until its request has ended.
    func perform(
        _ body: (lamina_socket, UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) throws -> (status: lamina_status, bytes: UInt64) {
        let pending = PendingCall()
        pending.start(on: handle, body)
        try pending.wait()
        return (pending.request.pointee.status, pending.request.pointee.bytes)
    }
}

/// A call under way, with the completion routine that a C program would bring.
final class PendingCall: @unchecked Sendable {
    // The request is the call's until `isDone`.
    let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
    /// How many calls had ended before this one did, and the thread on which it ended.
    private(set) var place = -1
    private(set) var thread: pthread_t?
    private let completions = Atomic(0)
    private let counter: PendingOrder?

    init(countedBy counter: PendingOrder? = nil) {
        self.counter = counter
        request.initialize(to: lamina_request())
    }

    deinit { request.deallocate() }

    /// How often it has completed.
    var completionCount: Int { completions.load(ordering: .acquiring) }

    /// Makes the call; what it returned is of no use, since a completion comes in any case.
    @discardableResult
    func start(
        on handle: lamina_socket,
        _ body: (lamina_socket, UnsafeMutablePointer<lamina_request>) -> lamina_status
    ) -> lamina_status {
        let context = Unmanaged.passRetained(self).toOpaque()
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                let call = Unmanaged<PendingCall>.fromOpaque(context).takeRetainedValue()
                call.place = call.counter?.next() ?? -1
                call.thread = pthread_self()
                call.completions.add(1, ordering: .acquiringAndReleasing)
                return 0
            },
            context
        )
        return body(handle, request)
    }

    /// Waits for the completion.
    func wait() throws {
        let deadline = soon()
        while completionCount == 0 {
            try #require(clinux_monotonic() < deadline, "the call never completed")
            sched_yield()
        }
    }
}

/// Numbers completions.
final class PendingOrder: Sendable {
    private let count = Atomic(0)

    func next() -> Int { count.add(1, ordering: .acquiringAndReleasing).oldValue }
}

/// Runs `body` with descriptors of these byte strings.
func withBuffers<Result>(
    _ parts: [String],
    _ body: (UnsafeMutablePointer<lamina_buffer>, UInt32) throws -> Result
) rethrows -> Result {
    let buffers = UnsafeMutableBufferPointer<lamina_buffer>.allocate(capacity: max(parts.count, 1))
    for (index, part) in parts.enumerated() {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(part.utf8.count, 1), alignment: 1)
        bytes.copyBytes(from: part.utf8)
        buffers.initializeElement(at: index, to: lamina_buffer(base: bytes.baseAddress, length: part.utf8.count))
    }
    defer {
        for index in parts.indices { buffers[index].base?.deallocate() }
        buffers.deallocate()
    }
    return try body(buffers.baseAddress.unsafelyUnwrapped, UInt32(parts.count))
}
