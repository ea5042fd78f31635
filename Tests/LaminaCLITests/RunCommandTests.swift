import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Running programs")
struct RunCommandTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    @Test("curl downloads 100 MB through trace and count, byte for byte")
    func download() throws {
        // The period divides no buffer.
        let period = (0..<251_000).map { UInt8($0 % 251) }
        var content: [UInt8] = []
        for _ in 0..<400 { content += period }
        let server = try FileServer(content)
        defer { server.stop() }
        let sent = try command.directory.write(content, to: "sent")
        let received = "\(command.directory.path)/received"
        let ending = try command.run(
            ["run", "--layer", "trace", "--layer", "count", "--", "curl", "-sS", "-o", received, server.url]
        )
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(try Child.run(["cmp", sent, received]).code == 0)
        #expect(server.count == 1)
        #expect(ending.output.isEmpty)
        #expect(ending.complaints.allSatisfy { $0.hasPrefix("lamina: ") })
        #expect(ending.complaints.contains { $0.contains("trace: ") && $0.contains("connect") })
        // What count saw came whole: the content and the head before it.
        let total = ending.complaints.first { $0.contains("count:   total") }?.split(separator: " ").last
        #expect(
            total.flatMap { Int($0) }.map { $0 > content.count && $0 < content.count + 1000 } == true,
            "\(total ?? "-")"
        )
    }

    @Test("What would carry a program is said without running it")
    func checked() throws {
        let carried = try command.run(["run", "--check", "--", "/bin/sh", "-c", "echo started"])
        #expect(carried.code == 0 && carried.errors == "")
        #expect(
            carried.output.hasPrefix("/bin/sh: carried by the back end preload: it is linked dynamically to glibc\n")
        )
        #expect(carried.lines.contains("  preload: can be used here"))
        #expect(carried.lines.contains("Refused:") && !carried.lines.contains("started"))
        let forced = try command.run(["run", "--check", "--backend", "notify", "--", "/bin/sh"])
        #expect(forced.code == 0 && forced.output.hasPrefix("/bin/sh: carried by the back end notify: "))
        let missing = try command.run(["run", "--check", "--", "no-such-program"])
        #expect(missing.code == 127 && missing.output.hasPrefix("no-such-program: No such file or directory\n"))
        let unknown = try command.run(["run", "--backend", "netns", "--", "/bin/sh"])
        #expect(unknown.code == 125)
        #expect(unknown.errors.contains("there is no back end 'netns'; there are preload and notify"))
    }

    @Test("The rules of a chain's levels are printed and checked before anything runs")
    func rules() throws {
        let firewall = "firewall=wall:rules=[allow :443,deny *.ads.test],default=reject"
        let arguments = ["run", "--check", "--layer", firewall, "--layer", "trace", "--layer", "fault:do=reset:down"]
        let checked = try command.run(arguments + ["--", "/bin/sh", "-c", "echo started"])
        #expect(checked.code == 0 && checked.errors == "", "\(checked.errors)")
        #expect(
            checked.output.hasSuffix(
                """
                Rules of wall:
                  1  allow :443  (rules)
                  2  deny *.ads.test  (rules)
                  *  reject
                Rules of fault:
                  1  reset:down

                """
            ),
            "\(checked.output)"
        )
        let json = try JSON(parsing: Array(try command.run(arguments + ["--json", "--", "/bin/sh"]).output.utf8))
        #expect(json["back-end"] == "preload")
        let levels = try #require(json["levels"]?.arrayValue)
        #expect(levels.map { $0["label"] } == ["wall", "fault"])
        #expect(levels[0]["rules"] == ["1  allow :443  (rules)", "2  deny *.ads.test  (rules)", "*  reject"])
        let wrong = try command.run([
            "run", "--check", "--layer", "firewall:rules=deny nowhere/8", "--", "/bin/sh", "-c", "echo started",
        ])
        #expect(wrong.code == 125 && wrong.output.contains("rules: rule 1, column 6: "), "\(wrong.output)")
    }

    @Test("curl goes through a SOCKS5 server, which gets the name and no name server does")
    func proxied() throws {
        let page = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"
        let server = try ScriptedServer(
            [[5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0], Array(page.utf8)],
            then: .close
        )
        let layer = "socks5:server=127.0.0.1:\(server.port)"
        let ending = try command.run("run", "--layer", layer, "--", "curl", "-sS", "http://only.invalid/")
        #expect(ending.code == 0 && ending.output == "hello\n", "\(ending.errors)")
        let asked = [5, 1, 0, 3, 12] + Array("only.invalid".utf8) + [0, 80]
        #expect(Array(server.heard.prefix(2)) == [[5, 1, 0], asked])
        let real = try Microsocks(user: "anna", password: "word")
        let files = try FileServer(Array("real\n".utf8))
        defer { files.stop() }
        func login(_ password: String) throws -> Child.Ending {
            let layer = "socks5:server=127.0.0.1:\(real.port),user=anna,password=\(password)"
            return try command.run("run", "--layer", layer, "--", "curl", "-sS", files.url)
        }
        let taken = try login("word")
        #expect(taken.code == 0 && taken.output == "real\n", "\(taken.errors)")
        let refused = try login("wrong")
        // curl meets the refusal where it asks how its connect ended, or in its first receive if it asked sooner.
        let (connecting, receiving): (Int32, Int32) = (7, 56)
        #expect(refused.code == connecting || refused.code == receiving)
        #expect(refused.output.isEmpty && refused.errors.contains("refuses the user or the password"))
    }

    @Test("The example of the layer redirect in the documentation gets what the target serves")
    func redirect() throws {
        let server = try FileServer(Array("hello\n".utf8))
        defer { server.stop() }
        let page = "\(PackageTree.root)/Sources/Lamina/Documentation.docc/Redirecting.md"
        let lines = String(decoding: try readAll(page), as: UTF8.self).split(separator: "\n")
        let example = try #require(lines.first { $0.contains("-- curl -s http://192.0.2.1/") })
        let place = server.url.dropFirst("http://".count).dropLast()
        let line = example.replacing("127.0.0.1:8080", with: place)
        let folder = try PackageTree.installed("bin/lamina").dropLast("/lamina".count)
        let environment = [
            "HOME=\(command.directory.path)", "LAMINA_CATALOG_PATH=\(command.directory.path)/catalog.d",
            "PATH=\(folder):/usr/local/bin:/usr/bin:/bin",
        ]
        let ending = try Child.run(["sh", "-c", String(line)], environment: environment, alone: true)
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == "hello\n")
        #expect(server.count == 1)
    }

    @Test("trace is short for run with the layer trace, and takes its settings")
    func trace() throws {
        let server = try FileServer(Array("hello\n".utf8))
        defer { server.stop() }
        let ending = try command.run("trace", "--set", "data=text", "--", "curl", "-s", server.url)
        #expect(ending.code == 0)
        #expect(ending.output == "hello\n")
        #expect(ending.errors.contains("GET / HTTP/1.1"))
    }

    @Test("Layers write to a file where one is named, and nothing to standard error")
    func output() throws {
        let server = try FileServer(Array("hello\n".utf8))
        defer { server.stop() }
        let file = "\(command.directory.path)/lines"
        let ending = try command.run("trace", "--output", file, "curl", "-s", server.url)
        #expect(ending.code == 0)
        #expect(ending.errors.isEmpty)
        #expect(String(decoding: try readAll(file), as: UTF8.self).contains("connect"))
    }

    @Test(
        "A run ends as its program ends",
        arguments: [
            (["sh", "-c", "exit 7"], 7), (["/nonexistent/program"], 127), (["no-such-program-anywhere"], 127),
            (["/etc/passwd"], 126), (["true", "--help"], 0), (["--", "false"], 1),
        ] as [([String], Int32)]
    )
    func codes(program: [String], code: Int32) throws {
        let ending = try command.run(["run", "--layer", "count", "-q"] + program)
        #expect(ending.code == code)
    }

    @Test(
        "However the options of a run are written, they mean the same",
        arguments: [
            ["run", "--layer", "count"], ["run", "--layer=count", "--"], ["run", "-v", "-l", "count", "--"],
            ["run", "-lcount"],
            ["run", "--verbose", "--layer=count"],
        ]
    )
    func spellings(options: [String]) throws {
        let ending = try command.run(options + ["sh", "-c", "echo $0 $1", "-l", "trace"])
        #expect(ending.code == 0)
        #expect(ending.output == "-l trace\n")
        #expect(ending.errors == "lamina: count: 0 sockets, 0 calls and events, 0 failed\n")
    }

    @Test("A run whose program a signal ended ends by that signal")
    func signals() throws {
        let ending = try command.run("run", "--", "sh", "-c", "kill -TERM $$")
        #expect(ending.signal == SIGTERM)
    }

    @Test(
        "A setting, a value or a layer that can't be is refused before the program starts",
        arguments: [
            ("trace:dta=hex", "did you mean \"data\"?"), ("trace:data=hx", "did you mean \"hex\"?"),
            ("trace:bytes=many", "bytes"), ("trace=a=b", "label"), ("cuont", "did you mean \"count\"?"),
            ("/nonexistent/libMine.so", "/nonexistent/libMine.so"), ("kernel", "kernel"),
        ]
    )
    func refuses(layer: String, remedy: String) throws {
        let mark = "\(command.directory.path)/started"
        let ending = try command.run("run", "--layer", layer, "--", "touch", mark)
        #expect(ending.code == 125)
        #expect(ending.complained(of: remedy), "\(ending.errors)")
        #expect(access(mark, F_OK) != 0)
    }

    @Test("A plug-in that is installed nowhere runs by its path")
    func byPath() throws {
        let server = try FileServer(Array("hello\n".utf8))
        defer { server.stop() }
        let library = try command.directory.plugin()
        let ending = try command.run("run", "--layer", library, "--", "curl", "-s", server.url)
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == "hello\n")
    }

    @Test("The demo shows what each layer saw, from the API and from a program, with curl and without")
    func demo() throws {
        for path in ["PATH=/usr/bin:/bin", "PATH=/nonexistent"] {
            let ending = try command.run(["demo"], environment: [path])
            #expect(ending.code == 0, "\(ending.output)\(ending.errors)")
            #expect(ending.output.contains("2. From \(path.hasSuffix("/bin") ? "curl" : "lamina-fetch"), unmodified"))
            #expect(ending.output.contains("hello from the demo's server\n"))
            #expect(ending.lines.count { $0.hasPrefix("lamina: trace: ") && $0.contains(" connect ") } == 2)
            #expect(ending.lines.count { $0.hasPrefix("lamina: count:   total ") } == 2)
        }
    }
}
