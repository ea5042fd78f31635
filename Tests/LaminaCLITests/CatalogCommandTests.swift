import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Listing, showing, installing and removing")
struct CatalogCommandTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    @Test("What comes with Lamina is listed, in columns and as JSON")
    func lists() throws {
        let table = try command.run("list")
        #expect(table.code == 0)
        #expect(table.lines.first?.hasPrefix("NAME") == true)
        let json = try JSON(parsing: try command.run("list", "--json").output)
        let entries = try #require(json["entries"]?.arrayValue)
        for name in ["kernel", "trace", "count"] {
            #expect(table.lines.contains { $0.hasPrefix("\(name) ") }, "\(name)")
            let entry = try #require(entries.first { $0["name"]?.stringValue == name })
            #expect(entry["state"]?.stringValue == "available", "\(entry.text())")
            #expect(entry["manifest"]?["kind"]?.stringValue == (name == "kernel" ? "base" : "layered"))
        }
        #expect(json["directories"]?.arrayValue?.count == 4)
    }

    @Test("Bases and what they serve, masked and hidden entries are shown when all is asked for")
    func listsAll() throws {
        try command.directory.write(
            "{\"format\": 1, \"name\": \"trace\", \"masked\": true}",
            to: "catalog.d/trace.json"
        )
        let some = try command.run("list")
        #expect(!some.lines.contains { $0.hasPrefix("trace") })
        let all = try command.run("list", "--all")
        #expect(all.lines.contains { $0.hasPrefix("trace") && $0.contains("masked by \(command.directory.path)") })
        #expect(all.lines.contains { $0.hasPrefix("kernel") && $0.contains("inet stream") })
    }

    @Test("Entries that can't be used are listed with file, cause and remedy, and harm no other")
    func broken() throws {
        let directory = command.directory
        try directory.write("{\"format\": 1, \"na", to: "catalog.d/truncated.json")
        try directory.write("{\"format\": \"one\"}", to: "catalog.d/mistyped.json")
        try directory.manifest("missing", ["library": "/nonexistent/lib.so"])
        try directory.manifest("text", ["library": .string(try directory.write("no library", to: "text.so"))])
        try directory.manifest("foreign", ["abi": ["min": 7, "max": 9]])
        try directory.write("", to: "catalog.d/unreadable.json")
        chmod("\(directory.path)/catalog.d/unreadable.json", 0o666)
        let ending = try command.run("list")
        #expect(ending.code == 0)
        for (name, reason) in [
            ("truncated", "catalog.d/truncated.json:1:"), ("mistyped", "key \"format\""),
            ("missing", "/nonexistent/lib.so: the library is missing; install it again"),
            ("text", "text.so: is not an ELF file"), ("foreign", "needs ABI version 7"),
            ("unreadable", "may be written by everyone; chmod go-w it"),
        ] {
            let line = ending.lines.first { $0.hasPrefix("\(name) ") }
            #expect(line?.contains("can't be used: ") == true && line?.contains(reason) == true, "\(line ?? name)")
        }
        #expect(ending.lines.contains { $0.hasPrefix("trace") && !$0.contains("can't be used") })
        let json = try JSON(parsing: try command.run("list", "--json").output)
        let states = json["entries"]?.arrayValue?.filter { $0["state"]?.stringValue == "unavailable" }
        let names = states?.compactMap { $0["name"]?.stringValue }
        #expect(names == ["foreign", "missing", "mistyped", "text", "truncated", "unreadable"])
    }

    @Test("Listing runs no plug-in's code")
    func listsWithoutLoading() throws {
        try command.directory.plugin("CRASH_IN_CONSTRUCTOR")
        try command.directory.manifest("crashing")
        let ending = try command.run("list")
        #expect(ending.code == 0)
        #expect(ending.lines.contains { $0.hasPrefix("crashing") && !$0.contains("can't be used") })
    }

    @Test("A file's name can't move the terminal's cursor")
    func escapes() throws {
        try command.directory.write("{}", to: "catalog.d/odd\u{1B}[2J.json")
        let ending = try command.run("list")
        #expect(ending.lines.contains { $0.hasPrefix("odd\u{FFFD}[2J ") && $0.contains("key \"format\"") })
    }

    @Test("One entry is shown with its settings, its files and the entries that it implements")
    func shows() throws {
        let ending = try command.run("show", "trace")
        #expect(ending.code == 0)
        for text in ["layered", "inspector", "Settings", "data", "hex", "when, except", "connect", "libLaminaTrace.so"]
        {
            #expect(ending.output.contains(text), "\(text)")
        }
        let json = try JSON(parsing: try command.run("show", "trace", "--json").output)
        #expect(json["manifest"]?["entries"]?.arrayValue?.contains("connect") == true)
    }

    @Test("A plug-in that isn't installed is shown by its path")
    func showsFile() throws {
        let library = try command.directory.plugin()
        let ending = try command.run("show", library)
        #expect(ending.code == 0)
        #expect(ending.output.contains("open, close, send"))
    }

    @Test(
        "An unknown name is one line with the nearest one",
        arguments: [["show", "trase"], ["run", "--layer", "trase", "--", "true"], ["remove", "fixtur"]]
    )
    func unknown(arguments: [String]) throws {
        let library = try command.directory.plugin()
        #expect(try command.run("install", library).code == 0)
        let ending = try command.run(arguments)
        #expect(ending.code == (arguments[0] == "run" ? 125 : 1))
        let nearest = arguments[0] == "remove" ? "fixture" : "trace"
        #expect(ending.complained(of: "did you mean \"\(nearest)\"?"), "\(ending.errors)")
    }

    @Test("Installing says what it did; removing leaves nothing")
    func installs() throws {
        let installed = try command.run("install", try command.directory.plugin())
        #expect(installed.code == 0, "\(installed.errors)")
        #expect(installed.output.contains("\(command.userManifests)/fixture.json"))
        #expect(installed.output.contains("\(command.userLibraries)/plugin-"))
        let shown = try JSON(parsing: try command.run("show", "fixture", "--json").output)
        #expect(shown["state"]?.stringValue == "available")
        #expect(shown["origin"]?.stringValue == "user")
        let removed = try command.run("remove", "fixture")
        #expect(removed.code == 0, "\(removed.errors)")
        #expect(try command.run("show", "fixture").code == 1)
        #expect(try Child.run(["ls", command.userManifests]).lines.isEmpty)
        let log = try command.run("log")
        #expect(log.lines.count == 3 && log.lines[1].hasPrefix("2 ") && log.lines[1].contains("remove fixture"))
        #expect(log.lines[2].contains("install fixture") && log.lines[2].hasSuffix("plugin.so"))
        let json = try JSON(parsing: try command.run("log", "-n", "1", "--json").output)
        #expect(json.arrayValue?.count == 1 && json.arrayValue?.first?["action"]?.stringValue == "remove")
        let undone = try command.run("undo")
        #expect(undone.output.hasPrefix("undone: remove fixture (change 2"), "\(undone.errors)")
        #expect(try command.run("show", "fixture").code == 0)
        #expect(try command.run("doctor", "--user").output == "nothing is wrong\n")
    }

    @Test("A directory of one's own takes plug-ins, and its names come before the user's")
    func installsElsewhere() throws {
        let library = try command.directory.plugin()
        let own = "\(command.directory.path)/catalog.d"
        #expect(try command.run("install", library, "--directory", own).code == 0)
        let shown = try JSON(parsing: try command.run("show", "fixture", "--json").output)
        #expect(shown["origin"]?.stringValue == "given")
        let elsewhere = try command.run("remove", "fixture")
        #expect(elsewhere.code == 1)
        #expect(elsewhere.complained(of: "lamina remove --directory \(own) fixture"), "\(elsewhere.errors)")
        #expect(try command.run("remove", "fixture", "--directory", own).code == 0)
    }

    @Test("What came with a package is disabled, not removed")
    func disables() throws {
        let refused = try command.run("remove", "trace")
        #expect(refused.code == 1)
        #expect(refused.complained(of: "lamina disable trace"), "\(refused.errors)")
        #expect(try command.run("disable", "trace", "--reason", "too loud").code == 0)
        let ending = try command.run("run", "--layer", "trace", "--", "true")
        #expect(ending.code == 125)
        #expect(ending.complained(of: "masked by \(command.userManifests)/trace.json: too loud"), "\(ending.errors)")
        #expect(ending.complained(of: "lamina enable trace"))
        #expect(try command.run("enable", "trace").code == 0)
        #expect(try command.run("show", "trace").code == 0)
    }

    @Test(
        "A plug-in that crashes, lacks its symbol or isn't there is refused in one line",
        arguments: [
            ("CRASH_IN_STARTUP", "crashed in lamina_startup with signal 7"),
            ("NO_STARTUP", "has no symbol lamina_startup"),
            ("", "No such file or directory"),
        ]
    )
    func refuses(macro: String, cause: String) throws {
        let library = macro.isEmpty ? "/nonexistent/plugin.so" : try command.directory.plugin(macro)
        let ending = try command.run("install", library)
        #expect(ending.code == 1)
        #expect(ending.complained(of: library, cause), "\(ending.errors)")
    }

    @Test("A manifest for a package says what installing would write")
    func manifest() throws {
        let library = try command.directory.plugin()
        let ending = try command.run("manifest", library, "--library", "libFixture.so")
        let json = try JSON(parsing: ending.output)
        #expect(json["library"]?.stringValue == "libFixture.so")
        #expect(json["entries"]?.arrayValue == ["open", "close", "send"])
        try command.directory.write(ending.output, to: "catalog.d/fixture.json")
        rename(library, "\(command.directory.path)/catalog.d/libFixture.so")
        #expect(
            try JSON(parsing: try command.run("show", "fixture", "--json").output)["state"]?.stringValue == "available"
        )
    }
}
