import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The commands for what runs")
struct RunControlCommandTests {
    let command: Command
    let place: String

    init() throws {
        command = try Command()
        place = "XDG_RUNTIME_DIR=\(command.directory.path)"
    }

    private func lamina(_ arguments: String...) throws -> Child.Ending {
        try command.run(arguments, environment: [place])
    }

    private func start(_ arguments: [String]) throws -> Child {
        let own = ["HOME=\(command.directory.path)", "PATH=/usr/local/bin:/usr/bin:/bin", place]
        return try Child([try PackageTree.installed("bin/lamina")] + arguments, environment: own, alone: true)
    }

    @Test("Runs and forwards are listed with their layers, a layer is changed and switched, and nothing is left")
    func controlled() throws {
        let run = try start(["run", "--name", "web", "--layer", "trace", "--", "sh", "-c", "echo ready; read line"])
        let forward = try start(["forward", "--layer", "trace=look", "--layer", "count", "127.0.0.1:0", "localhost:9"])
        try run.await("ready")
        let address = try forward.firstLine()
        #expect(address.hasPrefix("127.0.0.1:") && !address.hasSuffix(":0"))

        let list = try lamina("ps")
        #expect(list.lines.count == 3, "\(list.output) \(list.errors)")
        #expect(list.output.contains("trace kernel") && list.output.contains("look count kernel"))
        #expect(list.output.contains("sh -c echo ready; read line"))
        #expect(list.output.contains("lamina forward 127.0.0.1:0 localhost:9"))

        let set = try lamina("set", "web", "trace", "data=hex", "bytes=8")
        #expect(set.code == 0 && set.lines == ["set 2 settings of trace in web on 0 open sockets"], "\(set.errors)")
        let off = try lamina("off", "web", "trace")
        #expect(off.code == 0 && off.lines == ["switched trace in web off on 0 open sockets"], "\(off.errors)")
        let json = try JSON(parsing: try lamina("ps", "web", "--json").output)
        let layer = json.arrayValue?.first?["layers"]?.arrayValue?.first
        #expect(layer?["on"] == false && layer?["settings"]?["data"] == "hex", "\(json.text())")
        #expect(json.arrayValue?.first?["rates"]?["sent"] == 0)
        #expect(try lamina("ps", "web").output.contains("(trace) kernel"))
        #expect(try lamina("on", "web", "trace").code == 0)

        run.write("\n")
        #expect(run.end().code == 0)
        kill(forward.process, SIGINT)
        #expect(forward.end().code == 0)
        #expect(try lamina("ps").lines == ["nothing runs"])
    }

    @Test("A list is changed as a whole while a program runs, or stays as it was")
    func lists() throws {
        let layer = "fault:do=short:size=1m,seed=5"
        let script = "echo ready; read line; curl -sS http://127.0.0.1:9/"
        let run = try start(["run", "--name", "web", "--layer", layer, "--", "sh", "-c", script])
        try run.await("ready")
        let set = try lamina("set", "web", "fault", "do=[error:connect:errno=ENOTTY,stall:down]")
        #expect(set.code == 0 && set.lines == ["set do of fault in web on 0 open sockets"], "\(set.errors)")
        let wrong = try lamina("set", "web", "fault", "do=[refuse,stall:sideways]")
        #expect(
            wrong.code == 1 && wrong.complained(of: "do: \"stall:sideways\", at 7: \"sideways\" is neither"),
            "\(wrong.errors)"
        )
        let json = try JSON(parsing: try lamina("ps", "web", "--json").output)
        let settings = json.arrayValue?.first?["layers"]?.arrayValue?.first?["settings"]
        #expect(settings?["do"]?.stringValue?.contains("ENOTTY") == true, "\(json.text())")
        run.write("\n")
        let ending = run.end()
        #expect(ending.code == 7)
        #expect(ending.errors.contains("error:connect:errno=ENOTTY 1, stall:down 0"), "\(ending.errors)")
    }

    @Test("A run, a layer and a setting that aren't there are one line with the nearest")
    func mistakes() throws {
        let run = try start(["run", "--name", "web", "--layer", "trace", "--", "sh", "-c", "echo ready; read line"])
        try run.await("ready")
        let cases: [([String], String)] = [
            (["ps", "wen"], "run \"wen\": there is none; did you mean \"web\"?"),
            (["set", "wbe", "trace", "data=hex"], "did you mean \"web\"?"),
            (
                ["set", "web", "tarce", "data=hex"],
                "run \"web\": layer \"tarce\": is none of the run's; did you mean \"trace\"?"
            ),
            (["set", "web", "trace", "dta=hex"], "layer \"trace\": has no setting \"dta\"; did you mean \"data\"?"),
            (["set", "web", "trace", "data=hx"], "layer \"trace\": data"),
            (
                ["set", "web", "trace", "entries=send"],
                "can't change while the chain is in use; these can: format, data"
            ),
            (["off", "web", "kernel"], "is the base, which can't be switched off"),
            (["on", "nothing", "trace"], "there are web"),
        ]
        for (arguments, text) in cases {
            let ending = try command.run(arguments, environment: [place])
            #expect(ending.code == 1 && ending.output == "", "\(arguments)")
            #expect(ending.complained(of: text), "\(ending.errors)")
        }
        let word = try lamina("set", "web", "trace", "data")
        #expect(word.code == 64 && word.complained(of: "\"data\" is no setting; write key=value"), "\(word.errors)")
        #expect(run.killed().signal == SIGKILL)
    }

    @Test(
        "A forward that is typed wrong is one line, and status 125",
        arguments: [
            (["127.0.0.1:0"], "no target is named"),
            (["--socks", "127.0.0.1:0", "a:1"], "the clients name the targets"),
            (["8080", "a:1"], "has no port"), (["example.org:80", "a:1"], "is no address of this machine"),
            (["127.0.0.1:0", "a"], "has no port"),
            (["--layer", "trcae", "127.0.0.1:0", "a:1"], "did you mean \"trace\"?"),
            (["--drain", "-1", "127.0.0.1:0", "a:1"], "--drain"),
            (["--lyer", "trace", "127.0.0.1:0", "a:1"], "--layer"),
        ]
    )
    func forwards(arguments: [String], text: String) throws {
        let ending = try command.run(["forward"] + arguments, environment: [place])
        #expect(ending.code == 125 && ending.output == "")
        #expect(ending.complained(of: text), "\(ending.errors)")
    }

    @Test("With --watch a line comes again and again, until nobody reads")
    func watch() throws {
        let run = try start(["run", "--name", "web", "--", "sh", "-c", "echo ready; read line"])
        try run.await("ready")
        let watch = try start(["ps", "--watch", "--interval", "0.05", "--json"])
        for _ in 0..<3 { #expect(try watch.nextLine(beginning: "{\"name\":\"web\"").isEmpty == false) }
        _ = watch.killed()
        run.write("\n")
        #expect(run.end().code == 0)
    }
}
