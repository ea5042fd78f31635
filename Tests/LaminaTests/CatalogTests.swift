import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The catalog")
struct CatalogTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    func reason(of name: String, in catalog: Catalog) -> String {
        catalog.verified().first { $0.name == name }?.reason?.replacing(directory.path, with: "DIR") ?? "available"
    }

    @Test("A manifest is read, and written again the same")
    func reads() throws {
        let file = try directory.write(
            #"""
            {"format": 1, "name": "tls", "uuid": "u", "version": "2", "summary": "s", "library": "x/tls.so",
             "kind": "terminating", "phase": "crypto-compress", "before": ["kernel"], "after": ["trace"],
             "conflicts": ["plain"], "requires": ["kernel"], "effect": "transform", "handoff": "move",
             "required": false, "hidden": true, "generic": true, "reorders": true,
             "categories": ["listen", "connection"], "abi": {"min": 1, "max": 3},
             "protocols": [{"family": "inet6", "type": "stream", "protocol": "tcp", "services": ["graceful-close"]},
                           {"family": 40, "type": 1, "protocol": 0, "message-size": 9}],
             "settings": [{"name": "key", "type": "secret", "required": true, "help": "h"},
                          {"name": "mode", "type": "choice", "choices": ["a", "b"], "default": "a", "live": true},
                          {"name": "ports", "type": "integer", "list": true}],
             "entries": ["open"], "indications": ["receive"], "x-note": 1}
            """#,
            to: "tls.json"
        )
        let manifest = try Manifest(parsing: readAll(file), file: file)
        #expect(manifest.abi == 1...3)
        #expect(manifest.categories == [.listen, .connection])
        #expect(manifest.protocols[0].matches(family: AF_INET6, type: 1, protocol: 6))
        #expect(manifest.protocols[0].matches(family: 0, type: 0, protocol: 0))
        #expect(!manifest.protocols[0].matches(family: AF_INET6, type: 1, protocol: 17))
        #expect(!manifest.protocols[0].matches(family: AF_INET, type: 1, protocol: 6))
        #expect(manifest.settings.map(\.name) == ["key", "mode", "ports"])
        #expect(manifest.isRequired == false)
        #expect(try Manifest(parsing: Array(manifest.json.text().utf8), file: "again") == manifest)
    }

    @Test("The manifest that the documentation shows is sound")
    func documented() throws {
        let text = #"""
            {
              "format": 1, "name": "shape", "version": "1.0", "summary": "limits the rate of what is sent",
              "library": "libShape.so", "kind": "layered", "phase": "outbound-modify", "effect": "observe",
              "handoff": "share", "before": ["tls"], "categories": ["connection", "stream"], "abi": {"min": 1, "max": 1},
              "settings": [{"name": "rate", "type": "rate", "default": "1mbit", "help": "bits per second", "live": true}]
            }
            """#
        #expect(try Manifest(parsing: Array(text.utf8), file: "shape.json").settings[0].isLive)
    }

    @Test("Everything that transforms is required, and so are firewalls, unless a word says otherwise")
    func required() {
        var manifest = Manifest(name: "a", library: "a.so", kind: .layered, effect: .observe)
        #expect(!manifest.isRequired)
        manifest.phase = .firewall
        #expect(manifest.isRequired)
        manifest.required = false
        #expect(!manifest.isRequired)
        #expect(Manifest(name: "a", library: "a.so", kind: .layered, effect: .transform).isRequired)
        #expect(!Manifest(name: "a", library: "a.so", kind: .base, effect: .transform).isRequired)
    }

    @Test("One bad file is shown with its reason, and every other entry keeps working")
    func badFiles() throws {
        try directory.plugin()
        try directory.manifest("good")
        let whole = String(decoding: try readAll(try directory.manifest("cut")), as: UTF8.self)
        try directory.write(String(whole.dropLast(4)), to: "catalog.d/cut.json")
        try directory.write("", to: "catalog.d/empty.json")
        try directory.write("[1]", to: "catalog.d/array.json")
        try directory.manifest("typed", ["settings": [["name": "a", "type": 3]]])
        try directory.manifest("kindless", ["kind": .null])
        try directory.manifest("spelt", ["summry": "x"])
        try directory.manifest("newer", ["format": 2])
        try directory.manifest("chosen", ["phase": "crypto"])
        try directory.manifest("default", ["settings": [["name": "a", "type": "rate", "default": "5"]]])
        try directory.manifest("when", ["settings": [["name": "when", "type": "text"]]])
        try directory.manifest("escape", ["summary": "\u{1B}[31m"])
        try directory.manifest("lost", ["library": "lost.so"])
        try directory.manifest("future", ["abi": ["min": 2, "max": 3]])
        try directory.manifest("huge", ["summary": .string(String(repeating: "x", count: 300_000))])
        mkfifo("\(directory.path)/catalog.d/fifo.json", 0o644)
        mkdir("\(directory.path)/catalog.d/folder.json", 0o755)
        symlink("nowhere", "\(directory.path)/catalog.d/dangling.json")
        symlink("loop.json", "\(directory.path)/catalog.d/loop.json")
        let open = try directory.manifest("open")
        chmod(open, 0o666)

        let catalog = directory.catalog()
        #expect(catalog.problems.isEmpty)
        let reasons: [(String, String)] = [
            ("good", "available"),
            ("cut", "DIR/catalog.d/cut.json:6:11: the string that begins here never ends; is the file truncated?"),
            ("empty", "DIR/catalog.d/empty.json:1:1: expected a value, found the end; is the file truncated?"),
            ("array", "DIR/catalog.d/array.json: holds an array where an object is expected"),
            ("typed", "DIR/catalog.d/typed.json: key \"settings[0].type\": is an integer where a string is expected"),
            ("kindless", "DIR/catalog.d/kindless.json: key \"kind\": is missing; say base, layered or terminating"),
            ("spelt", "DIR/catalog.d/spelt.json: key \"summry\": is unknown; did you mean \"summary\"?"),
            ("newer", "DIR/catalog.d/newer.json: key \"format\": is 2, and this Lamina reads 1; install a newer"),
            ("chosen", "DIR/catalog.d/chosen.json: key \"phase\": \"crypto\" is unknown; say one of inspector"),
            ("default", "DIR/catalog.d/default.json: key \"settings[0].default\": \"5\" isn't a rate"),
            ("when", "DIR/catalog.d/when.json: key \"settings[0].name\": \"when\" is the framework's"),
            ("escape", "DIR/catalog.d/escape.json: key \"summary\": holds a control character"),
            ("lost", "DIR/catalog.d/lost.so: the library is missing; install it again, or remove its manifest"),
            ("future", "DIR/catalog.d/future.json: \"future\" needs ABI version 2, and this Lamina speaks 1"),
            ("huge", "DIR/catalog.d/huge.json: has 3"),
            ("fifo", "DIR/catalog.d/fifo.json: is not a regular file"),
            ("folder", "DIR/catalog.d/folder.json: is not a regular file"),
            ("dangling", "DIR/catalog.d/dangling.json: can't be opened: No such file or directory"),
            ("loop", "DIR/catalog.d/loop.json: can't be opened: Too many levels of symbolic links"),
            ("open", "DIR/catalog.d/open.json: may be written by everyone; chmod go-w it"),
        ]
        for (name, expected) in reasons {
            let reason = reason(of: name, in: catalog)
            #expect(reason.hasPrefix(expected), "\(name): \(reason)")
            #expect(!reason.contains("\n"))
        }
        #expect(catalog.entries.count == reasons.count)
        #expect(try catalog.manifest(named: "good").name == "good")
        #expect(throws: LaminaError.self) { try catalog.manifest(named: "lost") }
    }

    @Test("A manifest that its mode hides is named", .enabled(if: geteuid() != 0, "root reads everything"))
    func unreadable() throws {
        let file = try directory.manifest("secret")
        chmod(file, 0)
        #expect(reason(of: "secret", in: directory.catalog()).contains("Permission denied; check its owner and mode"))
    }

    @Test(
        "A library that can't be a plug-in is shown with its reason",
        arguments: [
            ("text.so", "is not an ELF file"), ("plain.so", "has no symbol lamina_startup"),
            ("folder.so", "is not a regular file"),
        ]
    )
    func badLibraries(name: String, message: String) throws {
        try directory.write("text", to: "text.so")
        mkdir("\(directory.path)/folder.so", 0o755)
        _ = try directory.plugin("NO_STARTUP", named: "plain.so")
        try directory.manifest("bad", ["library": .string("../\(name)")])
        #expect(reason(of: "bad", in: directory.catalog()).contains("\(name): \(message)"))
    }

    @Test("A later directory overrides by name and by key, and masks")
    func overrides() throws {
        try directory.plugin()
        try directory.manifest("a", ["summary": "first", "phase": "proxy"], in: "one")
        try directory.manifest("b", in: "one")
        try directory.manifest("c", in: "one")
        try directory.write(#"{"summary": "second"}"#, to: "two/a.json")
        try directory.write(#"{"masked": true}"#, to: "two/b.json")
        try directory.write(#"{"phase": 7}"#, to: "two/c.json")
        try directory.write(#"{"name": "c", "masked": tru"#, to: "two/d.json")

        let catalog = directory.catalog("one", "two")
        let manifest = try catalog.manifest(named: "a")
        #expect(manifest.summary == "second")
        #expect(manifest.phase == .proxy)
        #expect(try catalog.entry(named: "a").files.count == 2)
        #expect(reason(of: "b", in: catalog) == "masked by DIR/two/b.json")
        #expect(try catalog.manifest(named: "c").phase == .none)
        let broken = catalog.entries.filter { $0.manifest == nil && !$0.isAvailable }
        #expect(broken.map(\.name) == ["c", "d"])
        #expect(try directory.catalog("two", "one").manifest(named: "a").summary == "first")
        #expect(throws: LaminaError.self) { try catalog.manifest(named: "b") }
    }

    @Test("A library's path is absolute, a bare name in the library folder, or relative to the manifest")
    func libraries() throws {
        let prefix = CatalogDirectory("/opt/x/share/lamina/catalog.d")
        #expect(prefix.library("a.so") == "/opt/x/lib/lamina/a.so")
        #expect(prefix.library("./a.so") == "/opt/x/share/lamina/catalog.d/./a.so")
        #expect(prefix.library("/a.so") == "/a.so")
        #expect(CatalogDirectory("/c/").library("a.so") == "/c/a.so")
    }

    @Test("An unknown name gets the nearest one")
    func suggestion() throws {
        try directory.manifest("trace")
        try directory.manifest("count")
        let catalog = directory.catalog()
        func message(_ name: String) -> String? {
            let error = #expect(throws: LaminaError.self) { try catalog.entry(named: name) }
            return error?.description
        }
        #expect(message("tarce") == "provider \"tarce\": is not in the catalog; did you mean \"trace\"?")
        #expect(message("libZ.so") == "provider \"libZ.so\": is not in the catalog; write ./libZ.so for a file")
        #expect(message("zzz") == "provider \"zzz\": is not in the catalog; lamina list shows what is installed")
    }

    @Test("A base is selected by family, type and protocol, the first in order, and a hidden one never")
    func selection() throws {
        try directory.plugin()
        let tcp: JSON = [["family": "inet", "type": "stream", "protocol": "tcp"]]
        try directory.manifest("a-hidden", ["kind": "base", "hidden": true, "protocols": tcp])
        try directory.manifest("b-lost", ["kind": "base", "library": "lost.so", "protocols": tcp])
        try directory.manifest("c-later", ["kind": "base", "after": ["d-first"], "protocols": tcp])
        try directory.manifest("d-first", ["kind": "base", "protocols": tcp])
        let catalog = directory.catalog()
        #expect(try catalog.base(family: AF_INET, type: 1, protocol: 0).name == "d-first")
        #expect(throws: LaminaError.self) { try catalog.base(family: AF_INET6, type: 1, protocol: 0) }
    }

    @Test("A base that conflicts with another one, or makes a cycle, spoils no selection")
    func selectionAmongRivals() throws {
        try directory.plugin()
        let tcp: JSON = [["family": "inet", "type": "stream", "protocol": "tcp"]]
        try directory.manifest("a", ["kind": "base", "conflicts": ["b"], "after": ["b"], "protocols": tcp])
        try directory.manifest("b", ["kind": "base", "requires": ["none"], "after": ["a"], "protocols": tcp])
        #expect(try directory.catalog().base(family: AF_INET, type: 1, protocol: 6).name == "a")
    }

    @Test("The environment says where a user's and further manifests are")
    func standardDirectories() async throws {
        try directory.manifest("mine", in: "settings/lamina/catalog.d")
        try directory.manifest("further", in: "more")
        await #expect(processExitsWith: .success) { [path = directory.path as String] in
            setenv("XDG_CONFIG_HOME", path + "/settings", 1)
            setenv("XDG_DATA_HOME", "relative", 1)
            setenv("HOME", path, 1)
            setenv("LAMINA_CATALOG_PATH", "/nowhere:\(path)/more", 1)
            let directories = CatalogDirectory.standard().filter { $0.origin != .package }
            let user = path + "/settings/lamina/catalog.d"
            precondition(directories.map(\.path) == ["/etc/lamina/catalog.d", user, "/nowhere", path + "/more"])
            precondition(directories[1].libraries == path + "/.local/share/lamina/lib")
            let entries = Catalog(directories: directories).entries
            precondition(entries.contains { $0.name == "mine" && $0.origin == .user })
            precondition(entries.contains { $0.name == "further" && $0.origin == .given })
        }
    }

    @Test("A thousand manifests are read without looking at a library")
    func many() throws {
        for number in 0..<1000 { try directory.manifest("layer\(number)", ["before": ["kernel"]]) }
        let catalog = directory.catalog()
        #expect(catalog.entries.count == 1000)
        #expect(catalog.entries.allSatisfy { $0.isAvailable })
        #expect(catalog.verified().allSatisfy { !$0.isAvailable })
    }
}

@Suite("The derived order")
struct CatalogOrderTests {
    func layer(_ name: String, _ phase: Phase = .none, _ change: (inout Manifest) -> Void = { _ in }) -> Manifest {
        var manifest = Manifest(name: name, library: "x.so", kind: .layered, effect: .observe)
        manifest.phase = phase
        change(&manifest)
        return manifest
    }

    func names(_ manifests: [Manifest]) throws -> [String] {
        try ChainOrder(deriving: manifests).placements.map(\.manifest.name)
    }

    @Test("Phases first, then names, and the base last, whatever order they come in")
    func phases() throws {
        var base = layer("a-base")
        base.kind = .base
        let layers = [
            layer("z", .inspector), layer("b", .proxy), layer("a", .proxy), layer("s", .system), layer("n"),
            layer("l", .localCache), layer("f", .firewall), base,
        ]
        let expected = ["z", "f", "a", "b", "l", "n", "s", "a-base"]
        #expect(try names(layers) == expected)
        #expect(try names(layers.reversed()) == expected)
    }

    @Test("before and after go against phases, and the reasons are told")
    func constraints() throws {
        let layers = [
            layer("trace", .inspector) { $0.after = ["tls"] }, layer("tls", .cryptoCompress),
            layer("proxy", .proxy) { $0.before = ["tls", "absent"] },
        ]
        let order = try ChainOrder(deriving: layers)
        #expect(order.placements.map(\.manifest.name) == ["proxy", "tls", "trace"])
        #expect(order.placements[0].reasons == ["phase proxy", "proxy declares before tls"])
        #expect(order.placements[2].reasons == ["phase inspector", "trace declares after tls"])
    }

    @Test("A cycle, a conflict and an unmet requires are refused by name")
    func refuses() throws {
        func message(_ layers: [Manifest]) -> String? {
            let error = #expect(throws: LaminaError.self) { try names(layers) }
            return error?.description
        }
        #expect(
            message([
                layer("d") { $0.after = ["a"] }, layer("a") { $0.before = ["b"] }, layer("b") { $0.before = ["c"] },
                layer("c") { $0.before = ["a"] },
            ]) == "chain: before and after make a cycle: a above b above c above a; "
                + "change one of these manifests, or give the order"
        )
        #expect(
            message([layer("a") { $0.conflicts = ["b"] }, layer("b")])
                == "layer \"a\": conflicts with \"b\"; leave one of them out"
        )
        #expect(
            message([layer("a") { $0.requires = ["b"] }])
                == "layer \"a\": requires \"b\", which is not in the chain; add --layer b"
        )
    }

    @Test("An order that was given is kept, with warnings")
    func keeps() throws {
        let layers = [
            layer("tls", .cryptoCompress), layer("trace", .inspector), layer("tls", .cryptoCompress),
            layer("n") { $0.before = ["trace"] },
        ]
        let order = try ChainOrder(keeping: layers)
        #expect(order.placements.map(\.manifest.name) == ["tls", "trace", "tls", "n"])
        #expect(
            order.warnings == [
                "tls (crypto-compress) stands above trace (inspector), against the order of the phases",
                "trace stands above n, but n declares before trace",
            ]
        )
        #expect(throws: LaminaError.self) { try ChainOrder(keeping: [layer("a") { $0.requires = ["b"] }]) }
    }
}
