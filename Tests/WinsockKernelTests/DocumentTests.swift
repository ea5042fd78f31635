import Glibc
import TestSupport
import Testing

/// Documents that show how WSK is used, beside the checkout or above it.
private enum Documents {
    /// The folder that holds them; nil where there is none.
    static let folder: String? = {
        var parts = PackageTree.root.split(separator: "/")
        while !parts.isEmpty {
            parts.removeLast()
            let folder = parts.map { "/\($0)" }.joined() + "/shared/seeds"
            if access(folder, R_OK) == 0 { return folder }
        }
        return nil
    }()

    /// The code of the document that begins with `number`: what its fence holds, or, without one, what stands between
    /// its first comment and its last brace. Each line that elides statements becomes an empty statement.
    static func code(_ number: String) throws -> String {
        let folder = try #require(folder)
        let listing = try Child.run(["/bin/sh", "-c", "ls -d \(folder)/\(number)_*"])
        let text = String(decoding: try readAll(try #require(listing.lines.first)), as: UTF8.self)
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let fence = lines.firstIndex(where: { $0.hasPrefix("```C") }) {
            lines = Array(lines[(fence + 1)...].prefix { !$0.hasPrefix("```") })
        } else {
            let first = try #require(lines.firstIndex { $0.hasPrefix("//") })
            let last = try #require(lines.lastIndex(of: "}"))
            lines = Array(lines[first...last])
        }
        return lines.map { $0.allSatisfy { " .".contains($0) } && $0.contains("...") ? ";" : $0 }.joined(
            separator: "\n"
        )
    }
}

@Suite(.enabled(if: Documents.folder != nil, "the documents are not here: no folder shared/seeds above the checkout"))
struct DocumentTests {
    private let programs: DriverPrograms

    init() throws {
        programs = try DriverPrograms()
        try programs.tree.write(try Documents.code("000"), to: "datagram.h")
        try programs.tree.write(try Documents.code("003"), to: "connect.h")
    }

    @Test(
        "The documents' functions send the right bytes, from two MDLs with an offset, at once and pending",
        arguments: DriverPrograms.compilers,
        ["001", "002"]
    )
    func run(compiler: String, sending: String) throws {
        try programs.tree.write(try Documents.code(sending), to: "send.h")
        let options = "-Wno-unused-variable -Wno-unused-but-set-variable"
        let program = [try programs.compile("documents.c", options, compiler: compiler)]
        try programs.expectDone(program)
        try programs.expectDone(program, "LAMINA_WSK_FORCE=pend=100%")
        try programs.expectDone(program, "LAMINA_WSK_FORCE=pend=50%,late=50%,seed=7")
    }

    @Test("Layers that LAMINA_LAYERS names stand in the documents' way")
    func layers() throws {
        try programs.tree.write(try Documents.code("001"), to: "send.h")
        let options = "-Wno-unused-variable -Wno-unused-but-set-variable"
        let program = try programs.compile("documents.c", options)
        let ending = try programs.run([program], "LAMINA_LAYERS=trace trace=again:when=[port=1]")
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.errors.contains("send_to") && ending.errors.contains("connect"), "\(ending.errors)")
        #expect(!ending.errors.contains("again"), "\(ending.errors)")
    }
}
