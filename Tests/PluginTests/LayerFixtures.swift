import CLamina
import CLinux
import Glibc
import Lamina
import Synchronization
import TestSupport
import Testing

/// The products of the build, and plug-ins that the tests build themselves from the headers alone.
enum Plugin {
    /// The file of a plug-in of the project, by its name.
    static func product(_ name: String) -> String { "\(PackageTree.products)/libLamina\(name).so" }

    /// Builds a fixture layer with a compiler, once a process, and gives the library's path.
    static func build(_ name: String, with compiler: [String] = ["cc", "-std=gnu11"]) throws -> String {
        try CPlugin.build("Fixtures/layers/\(name)", with: compiler)
    }
}

extension TemporaryDirectory {
    /// The lines of a file in it.
    func lines(_ name: String) throws -> [String] {
        String(decoding: try readAll("\(path)/\(name)"), as: UTF8.self).split(separator: "\n").map(String.init)
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
        let end = Ending()
        let request = UnsafeMutablePointer<lamina_request>.allocate(capacity: 1)
        lamina_request_prepare(
            request,
            { _, _, context in
                guard let context else { return 0 }
                Unmanaged<Ending>.fromOpaque(context).takeRetainedValue().hasCome.store(true, ordering: .releasing)
                return 0
            },
            Unmanaged.passRetained(end).toOpaque()
        )
        _ = body(handle, request)
        let deadline = soon()
        while !end.hasCome.load(ordering: .acquiring) {
            // The request stays the call's, so its memory is left to it.
            try #require(clinux_monotonic() < deadline, "the call never completed")
            sched_yield()
        }
        defer { request.deallocate() }
        return (request.pointee.status, request.pointee.bytes)
    }

    private final class Ending: Sendable {
        let hasCome = Atomic(false)
    }
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
