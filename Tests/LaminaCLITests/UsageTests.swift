import Lamina
import TestSupport
import Testing

@Suite("Using the command")
struct UsageTests {
    let command: Command

    init() throws {
        command = try Command()
    }

    @Test("Without arguments it shows its help, with examples and every command")
    func help() throws {
        let ending = try command.run()
        #expect(ending.code == 0)
        for word in [
            "Examples:", "lamina demo", "list", "show", "run", "trace", "forward", "ps", "set", "install", "remove",
            "manifest", "new", "check",
        ] {
            #expect(ending.output.contains(word), "\(word)")
        }
    }

    @Test(
        "Every command has a help of its own",
        arguments: [
            "list", "show", "run", "trace", "demo", "install", "remove", "manifest", "check", "log", "undo", "enable",
            "disable", "clear", "doctor", "ps", "set", "off", "on", "forward", "new",
        ]
    )
    func helps(name: String) throws {
        let ending = try command.run(name, "--help")
        #expect(ending.code == 0)
        #expect(ending.output.contains("USAGE: lamina \(name)"))
        #expect(ending.errors.isEmpty)
    }

    @Test("Its version is one line")
    func version() throws {
        let ending = try command.run("--version")
        #expect(ending.code == 0)
        #expect(ending.lines.count == 1)
        #expect(ending.output.split(separator: ".").count == 3)
    }

    @Test(
        "What can't be understood is one line with the nearest word, and status 64",
        arguments: [
            (["lsit"], "\"list\""), (["instal", "x.so"], "\"install\""), (["frobnicate"], "lamina --help"),
            (["list", "--jsn"], "'--json'"), (["show"], "lamina show --help"), (["--frob"], "lamina --help"),
            (["help", "rnu"], "\"run\""), (["list", "--json=1"], "'1' was specified; lamina list --help"),
            (["ps", "--interval", "0"], "--interval takes seconds"), (["set", "web"], "lamina set --help"),
            (["ps", "--interval", "2"], "--interval is for --watch"), (["off"], "lamina off --help"),
            (["install", "--directory", "/tmp", "--user", "x.so"], "--directory stands alone"),
        ]
    )
    func mistakes(arguments: [String], remedy: String) throws {
        let ending = try command.run(arguments)
        #expect(ending.code == 64)
        #expect(ending.complained(of: remedy), "\(ending.errors)")
        #expect(ending.output.isEmpty)
    }

    @Test(
        "A run that can't be understood has status 125, as everything that is not the program's",
        arguments: [
            (["run"], "no program is named"), (["run", "--"], "no program is named"),
            (["run", "--layr", "trace", "--", "true"], "'--layer'"), (["run", "-q", "-v", "true"], "-q and -v"),
            (["trace"], "no program is named"), (["trace", "--layer", "count", "true"], "lamina trace --help"),
            (["run", "--layer", "kernel", "true"], "layer \"kernel\": is a base; name layers alone"),
            (["run", "--layer", "./libMine.so", "true"], "./libMine.so: the library is missing; check the path"),
            (["trace", "--set", "entries=conect", "true"], "did you mean \"connect\"?"),
            (["check"], "no plug-in is named"), (["check", "./libMine.so"], "./libMine.so"),
            (["check", "./libMine.so", "--rule", "ordr"], "did you mean \"order\"?"),
        ]
    )
    func runMistakes(arguments: [String], remedy: String) throws {
        let ending = try command.run(arguments)
        #expect(ending.code == 125)
        #expect(ending.complained(of: remedy), "\(ending.errors)")
    }

    @Test("A pipe gets no colour")
    func plain() throws {
        let ending = try command.run("list", environment: ["TERM=xterm-256color"])
        #expect(ending.code == 0)
        #expect(!ending.output.contains("\u{1B}"))
    }

    @Test("A terminal gets colour, unless NO_COLOR says otherwise", arguments: [("", true), ("1", false)])
    func colour(setting: String, expected: Bool) throws {
        let lamina = try PackageTree.installed("bin/lamina")
        let variables = ["HOME=\(command.directory.path)", "TERM=xterm", "NO_COLOR=\(setting)"]
        let ending = try Terminal([lamina, "list"], environment: variables).end()
        #expect(ending.code == 0)
        #expect(ending.output.contains("\u{1B}[") == expected)
    }

    @Test("The shells get completions", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let ending = try command.run("--generate-completion-script", shell)
        #expect(ending.code == 0)
        #expect(ending.output.contains("install"))
        if shell == "bash" {
            let script = try command.directory.write(ending.output, to: "completions")
            #expect(try Child.run(["bash", "-n", script]).code == 0)
        }
    }
}
