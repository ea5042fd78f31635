import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// Chains of fixtures from `Tests/Fixtures/core`, built into a directory of their own.
struct CoreFixtures {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// Builds a fixture with macros and gives the library's path.
    func library(_ source: String, _ macros: String..., named name: String? = nil) throws -> String {
        let tests = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "\(directory.path)/\(name ?? source).so"
        if access(path, F_OK) == 0 { return path }
        let status = try run(
            ["cc", "-std=gnu11", "-Wall", "-Wno-unused", "-shared", "-fPIC", "-O1", "-pthread"]
                + macros.map { "-D\($0)" }
                + ["-I", "\(tests)/../Sources/CLamina/include", "-o", path, "\(tests)/Fixtures/core/\(source).c"]
        )
        try #require(status == 0, "\(source).c could not be built")
        return path
    }

    /// A chain of these layers, each as the command line has it, over the base that holds receives.
    func chain(_ layers: String..., engine: Engine = .shared) throws -> Chain {
        let base = LayerSpecification(name: try library("held"), label: "held")
        return try Chain(
            layers: layers.map { try LayerSpecification(parsing: $0) },
            base: base,
            catalog: Catalog(directories: []),
            engine: engine
        )
    }
}

/// What the fixture layer has seen.
enum Seen: Int32 { case opens = 100, closes, sends, completions }

extension Socket {
    func seen(_ what: Seen) throws -> Int32 {
        try waiting.option(Int32(LAMINA_LEVEL), what.rawValue)
    }

    /// Returns once some level holds a request of the socket.
    func somethingPends() async {
        while clinux_load_u32(&handle.slot.pointee.column.pointee.pending) == 0 { await Task.yield() }
    }

    /// Lets the base complete one receive that it holds.
    func completeOne() {
        _ = control(1)
    }

    /// The base ignores close from now on.
    func beStubborn() {
        _ = control(3)
    }

    private func control(_ code: UInt32) -> lamina_status {
        var operation = lamina_operation()
        operation.size = UInt32(MemoryLayout<lamina_operation>.size)
        operation.kind = UInt32(LAMINA_CONTROL_IOCTL)
        operation.code = code
        var request = lamina_request()
        lamina_request_prepare(&request, nil, nil)
        return lamina_socket_control(handle, &operation, &request)
    }
}
