import Lamina
import TestSupport
import Testing

@Suite("What the articles show")
struct ArticleTests {
    private static let articles = "Sources/Lamina/Documentation.docc"

    @Test(
        "The layers of \"Writing a layer\" are the examples",
        arguments: ["Nothing", "Meter", "Redirect", "Keystream", "Escape", "Failover"]
    )
    func layers(name: String) throws {
        let shown = try Documentation.block("swift", with: "struct \(name):", in: "\(Self.articles)/Writing-a-layer.md")
        let example = try readAll("\(PackageTree.root)/Tests/Examples/Layers/\(name).swift")
        #expect(shown == String(decoding: example, as: UTF8.self))
    }

    @Test("The layers of \"Layers in Swift\" are the examples", arguments: ["Delay", "Login"])
    func further(name: String) throws {
        let shown = try Documentation.block("swift", with: "struct \(name):", in: "\(Self.articles)/Layers-in-Swift.md")
        let example = try readAll("\(PackageTree.root)/Tests/Examples/Layers/\(name).swift")
        #expect(shown == String(decoding: example, as: UTF8.self))
    }

    @Test(
        "What \"Writing a base provider\" shows stands in the base that lamina new writes",
        arguments: ["lamina_table table", "connect_echo(", "receive_echo(", "Completes the receives"]
    )
    func base(mark: String) throws {
        let shown = try Documentation.block("c", with: mark, in: "\(Self.articles)/Writing-a-base-provider.md")
        let template = try readAll("\(PackageTree.root)/Templates/c-base/__Module__.c")
        #expect(String(decoding: template, as: UTF8.self).contains(shown))
    }

    @Test(
        "The bases in Swift of \"Writing a base provider\" are those that are compiled",
        arguments: [
            ("struct Echo:", "Tests/Examples/Bases/Echo.swift"), ("struct Post:", "Tests/Examples/Bases/Post.swift"),
            ("\"late.test\"", "Tests/Fixtures/bases/Parcel.swift"),
            ("func accept(", "Templates/swift-base/Sources/__Module__/__Module__.swift"),
        ]
    )
    func swiftBase(mark: String, file: String) throws {
        let shown = try Documentation.block("swift", with: mark, in: "\(Self.articles)/Writing-a-base-provider.md")
        #expect(String(decoding: try readAll("\(PackageTree.root)/\(file)"), as: UTF8.self).contains(shown))
    }

    @Test("The sample of \"Using Lamina in a program\" is the one that is compiled")
    func program() throws {
        let file = "\(Self.articles)/Using-Lamina-in-a-program.md"
        let sample = try readAll("\(PackageTree.root)/Tests/PluginTests/ReadmeSample.swift")
        #expect(
            try Documentation.block("swift", with: "import Lamina\n", in: file)
                == String(decoding: sample, as: UTF8.self)
        )
    }
}
