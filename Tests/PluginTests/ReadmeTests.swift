import CLamina
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The README")
struct ReadmeTests {
    private func block(_ language: String, with mark: String, in file: String = "README.md") throws -> String {
        try Documentation.block(language, with: mark, in: file)
    }

    private func shell(_ command: String) throws -> (code: Int32, text: String) {
        let pipe = try #require(popen("{ \(command); } 2>&1", "r"))
        var text: [UInt8] = []
        while case let byte = fgetc(pipe), byte != EOF { text.append(UInt8(truncatingIfNeeded: byte)) }
        return (pclose(pipe) >> 8, String(decoding: text, as: UTF8.self))
    }

    @Test("The layer of ten lines compiles without a warning, and counts what a socket sends")
    func layer() throws {
        let directory = try TemporaryDirectory()
        let source = try directory.write(try block("c", with: "LAMINA_EXPORT"), to: "mine.c")
        let library = "\(directory.path)/libMine.so"
        let options = "-Wall -Werror -shared -fPIC -I \(PackageTree.root)/Sources/CLamina/include"
        let built = try shell("cc \(options) -o \(library) \(source)")
        try #require(built.code == 0, "\(built.text)")
        let layer = try LayerSpecification(parsing: "\(library)")
        let chain = try Chain([
            (layer, try Library.load(library).provider()),
            (LayerSpecification(name: "memory"), try BaseProvider.memory.provider()),
        ])
        let pair = try Pair(chain)
        for _ in 0..<3 { try pair.client.waiting.send([1]) }
        #expect(Int(bitPattern: (pair.client.handle.slot + 1).pointee.context) == 3)
        try pair.close()
    }

    @Test("The layer in Swift is one of the examples")
    func swiftLayer() throws {
        let example = try shell("cat \(PackageTree.root)/Tests/Examples/Layers/Redirect.swift").text
        #expect(example == (try block("swift", with: "import LaminaProvider")))
    }

    @Test("The Swift sample, here and in the documentation, is what is compiled, and talks to a server")
    func sample() async throws {
        let compiled = try shell("cat \(PackageTree.root)/Tests/PluginTests/ReadmeSample.swift").text
        #expect(compiled == (try block("swift", with: "import Lamina\n")))
        #expect(compiled == (try block("swift", with: "import", in: "Sources/Lamina/Documentation.docc/Lamina.md")))
        // The sample's providers are found by name: in the catalog that the environment names.
        let directory = try TemporaryDirectory()
        for name in ["Kernel", "Trace"] {
            let library = "libLamina\(name).so"
            let command = "sed 's|\"\(library)\"|\"\(PackageTree.products)/\(library)\"|'"
            let manifest = try shell("\(command) \(PackageTree.root)/Plugins/\(name)/manifest.json").text
            try directory.write(manifest, to: "catalog.d/\(name.lowercased()).json")
        }
        let listener = try BaseProvider.kernel.chain().listen(on: Address(host: "127.0.0.1", port: 0))
        let address = try listener.waiting.localAddress()
        let server = Task {
            let peer = try await listener.accept()
            let bytes = try await peer.receive(upTo: 100)
            try await peer.send(Array(String(decoding: bytes, as: UTF8.self).uppercased().utf8))
            peer.close()
        }
        await #expect(processExitsWith: .success) {
            [catalog = "\(directory.path)/catalog.d" as String, to = "\(address)" as String] in
            setenv("LAMINA_CATALOG_PATH", catalog, 1)
            let answer = try ask(to)
            precondition(answer == "HELLO\n")
        }
        _ = server
        try listener.waiting.close()
    }
}
