import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Chains, policies and explaining")
struct PolicyCommandTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    @Test("A chain is added, shown, run, listed, replaced and removed")
    func chains() throws {
        let added = try command.run("chain", "add", "web", "count=outer:each=no", "count=inner")
        #expect(added.code == 0, "\(added.errors)")
        #expect(added.output.contains("chain web: count=outer, count=inner over kernel"))
        let ran = try command.run("run", "--chain", "web", "--", "true")
        #expect(ran.code == 0)
        #expect(ran.errors.contains("outer: 0 sockets") && ran.errors.contains("inner: 0 sockets"), "\(ran.errors)")
        let shown = try command.run("chain", "show", "web")
        for text in [
            "count=outer:each=no", "kernel, because none is named", "available", "inet stream tcp", "chains/web.json",
        ] {
            #expect(shown.output.contains(text), "\(text): \(shown.output)")
        }
        let json = try JSON(parsing: try command.run("chain", "show", "--json").output)
        #expect(json["chains"]?.arrayValue?.first?["layers"]?.arrayValue == ["count=outer:each=no", "count=inner"])
        #expect(try command.run("list").lines.contains { $0.hasPrefix("web ") && $0.contains("chain") })
        #expect(try command.run("show", "web").output == shown.output)
        #expect(try command.run("chain", "add", "web", "trace", "--base", "memory").code == 0)
        #expect(try command.run("chain", "show", "web").output.contains("trace over memory"))
        #expect(try command.run("chain", "remove", "web").code == 0)
        #expect(try command.run("chain", "show").output.contains("no chain has a name"))
    }

    @Test("A policy gives a program its layers, until a run says otherwise or it is removed")
    func policies() throws {
        let program = "/usr/bin/true"
        #expect(try command.run("policy", "set", "path:\(program)", "--layer", "count=policed").code == 0)
        func said(_ options: String..., environment: [String] = []) throws -> String {
            try command.run(["run"] + options + ["--", "true"], environment: environment).errors
        }
        #expect(try said().contains("policed: 0 sockets"))
        #expect(try said("--layer", "count=typed").contains("typed: 0 sockets"))
        #expect(try said(environment: ["LAMINA_LAYERS=count=environment"]).contains("environment: 0 sockets"))
        #expect(try command.run("policy", "set", "name:quiet", "--none").code == 0)
        #expect(try said("--name", "quiet").isEmpty)
        let table = try command.run("policy", "show")
        #expect(table.lines.map { $0.prefix { $0 != " " } } == ["SUBJECT", "name:quiet", "path:\(program)"])
        let json = try JSON(parsing: try command.run("policy", "show", "name:quiet", "--json").output)
        #expect(json["layers"] == [])
        #expect(try command.run("policy", "remove", "path:\(program)").code == 0)
        #expect(try said().isEmpty)
    }

    @Test("A policy for a unit prints the drop-in")
    func units() throws {
        let ending = try command.run("policy", "set", "unit:no-such-unit", "--layer", "count")
        #expect(ending.code == 0)
        for text in [
            "/etc/systemd/system/no-such-unit.service.d/lamina.conf", "# The unit was not found",
            "[Service]\nExecStart=\n",
            "bin/lamina run --name no-such-unit.service -- PROGRAM ARGUMENTS",
        ] {
            #expect(ending.output.contains(text), "\(ending.output)")
        }
        #expect(ending.complained(of: "--system is for services"))
        #expect(try command.run("policy", "show", "unit:no-such-unit").output.contains("[Service]"))
    }

    @Test("A run is explained without being made")
    func explains() throws {
        let marker = "\(command.directory.path)/marker"
        #expect(try command.run("chain", "add", "web", "count", "trace").code == 0)
        #expect(try command.run("policy", "set", "path:/*/bin/touch", "--chain", "web").code == 0)
        let text = try command.run("explain", "touch", marker)
        #expect(text.code == 0, "\(text.errors)")
        for part in [
            "carried by the back end preload", "Chosen by policy path:/*/bin/touch", "/policies/path--",
            "- --layer: none was given",
            "TCP: program > count > trace > kernel", "LSP_INSPECTOR", "memory", "pumped",
        ] where part != "memory" {
            #expect(text.output.contains(part), "\(part): \(text.output)")
        }
        let json = try JSON(
            parsing: try command.run("explain", "--json", "--layer", "trace", "--", "touch", marker).output
        )
        #expect(json["source"]?.stringValue == "--layer")
        #expect(json["levels"]?.arrayValue?.map { $0["label"]?.stringValue } == ["trace", "kernel"])
        let absent = json["absent"]?.arrayValue?.compactMap { $0["name"]?.stringValue }
        #expect(absent?.contains("count") == true && absent?.contains("trace") == false, "\(absent ?? [])")
        #expect(access(marker, F_OK) != 0)
        let library = try command.directory.plugin()
        let path = try command.run("explain", "--layer", library, "true")
        #expect(path.output.contains("1. fixture (\(library)): layered"), "\(path.output)")
    }

    @Test("A list is filtered")
    func filters() throws {
        func names(_ options: String...) throws -> [String] {
            try command.run(["list"] + options).lines.dropFirst().map { String($0.prefix { $0 != " " }) }
        }
        #expect(try names("--kind", "base") == ["kernel"])
        #expect(try names("--kind", "base", "--all") == ["kernel", "memory"])
        #expect(try names("--phase", "inspector", "--effect", "observe") == ["count", "meter", "trace"])
        let json = try JSON(parsing: try command.run("list", "--family", "unix", "--json").output)
        #expect(json["entries"]?.arrayValue?.map { $0["name"]?.stringValue } == ["kernel", "memory"])
        #expect(json["protocols"]?.arrayValue?.allSatisfy { $0["name"]?.stringValue == "kernel" } == true)
        let shown = try command.run("show", "kernel")
        for text in ["inet6 datagram udp", "65507", "ifs-handles", "matches-protocol-zero"] {
            #expect(shown.output.contains(text), "\(text)")
        }
    }

    @Test(
        "What can't be understood is one line with what to do",
        arguments: [
            (["chain", "shwo"], 64, "did you mean \"show\"?"), (["chain", "add"], 64, "lamina chain add --help"),
            (["chain", "add", "web"], 64, "neither a layer nor a base is named"),
            (["chain", "add", "web", "trase"], 1, "did you mean \"trace\"?"),
            (["chain", "add", "a b", "trace"], 64, "is no name"),
            (["chain", "show", "web"], 1, "lamina chain add web LAYER"),
            (["chain", "remove", "web"], 1, "is not in the catalog"), (["policy", "st"], 64, "did you mean \"set\"?"),
            (["policy", "set", "curl", "--none"], 64, "write name:curl"),
            (["policy", "set", "name:a"], 64, "say --chain NAME"),
            (["policy", "set", "name:a", "--none", "--chain", "b"], 64, "stand alone"),
            (["policy", "set", "name:a", "--chain", "web"], 1, "chain \"web\": is not in the catalog"),
            (["policy", "remove", "name:a"], 1, "policy for name:a: is not in the catalog"),
            (["policy", "show", "pth:/a"], 64, "did you mean \"path:/a\"?"), (["explain"], 64, "no program is named"),
            (["explain", "--layr", "trace", "true"], 64, "'--layer'"),
            (["explain", "--user", "no-such-user", "true"], 1, "is unknown"),
            (["run", "--chain", "web", "true"], 125, "chain \"web\": is not in the catalog"),
            (["run", "--chian", "web", "true"], 125, "'--chain'"),
            (["list", "--kind", "bse"], 64, "did you mean \"base\"?"),
            (["list", "--state", "brokn"], 64, "state \"brokn\""),
        ] as [([String], Int32, String)]
    )
    func mistakes(arguments: [String], code: Int32, part: String) throws {
        let ending = try command.run(arguments)
        #expect(ending.code == code, "\(ending.errors)")
        #expect(ending.complained(of: part), "\(ending.errors)")
        #expect(ending.output.isEmpty)
    }

    @Test(
        "Every command has a help of its own",
        arguments: [["chain"], ["chain", "add"], ["policy", "set"], ["explain"]]
    )
    func helps(words: [String]) throws {
        let ending = try command.run(words + ["--help"])
        #expect(ending.code == 0)
        #expect(ending.output.contains("USAGE: lamina \(words.joined(separator: " "))"))
    }

    @Test("A shell completes the names of chains and the subjects of policies")
    func completions() throws {
        #expect(try command.run("chain", "add", "web", "trace").code == 0)
        #expect(try command.run("policy", "set", "name:mine", "--chain", "web").code == 0)
        /// What the script of a shell asks the command for.
        func completed(_ words: String...) throws -> [String] {
            let place = ["--", "positional@0", "\(words.count + 1)", "0", "lamina"]
            return try command.run(["---completion"] + words + place + words + [""]).lines
        }
        #expect(try completed("chain", "remove") == ["web"])
        #expect(try completed("policy", "show") == ["name:mine", "name:", "path:", "unit:", "user:"])
    }
}
