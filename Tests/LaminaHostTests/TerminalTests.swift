import Glibc
import TestSupport
import Testing

/// Each is done by a shell with job control, once with the program as it is and once with it in a run: what is seen on
/// the terminal must be the same.
@Suite("The program's terminal")
struct TerminalTests {
    /// How a program is started.
    static let ways = ["", "\(HostFixtures.driver) \(HostFixtures.passing) -- "]

    /// Runs a script in which `$run` stands before a program; `use` is what is done at its terminal.
    private func show(
        _ script: String,
        size: (UInt16, UInt16) = (24, 80),
        _ use: (Terminal) throws -> Void = { _ in }
    ) throws -> [String] {
        let shown = try Self.ways.map { way in
            let text = script.replacing("$run ", with: way)
            let terminal = try Terminal(["sh", "-mc", text], rows: size.0, columns: size.1)
            try use(terminal)
            let ending = terminal.end()
            #expect(ending.code == 0, "\(ending.output)")
            return ending.lines
        }
        #expect(shown[1] == shown[0])
        return shown[1]
    }

    @Test("Its standard streams are the terminal, and it is in the foreground")
    func foreground() throws {
        let program = "test -t 0 && test -t 1 && test -t 2 && ps -o pgid=,tpgid= -p $$ | awk \"{print \\$1 == \\$2}\""
        #expect(try show("$run sh -c '\(program)'") == ["1"])
    }

    @Test("Ctrl-C reaches a program that handles it, and its status is passed on")
    func interruptHandled() throws {
        let program = "trap \"echo caught; exit 5\" INT; echo ready; while :; do sleep 0.01; done"
        let shown = try show("$run sh -c '\(program)'; echo status $?") {
            try $0.await("ready")
            $0.press(.interrupt)
        }
        #expect(shown == ["ready", "caught", "status 5"])
    }

    @Test("Ctrl-C and Ctrl-\\ end a program that doesn't", arguments: [(Terminal.Key.interrupt, 130), (.quit, 131)])
    func interruptDefault(key: Terminal.Key, status: Int) throws {
        let shown = try show("ulimit -c 0; trap : INT; $run sh -c 'echo ready; exec sleep 60'; echo status $?") {
            try $0.await("ready")
            $0.press(key)
        }
        #expect(shown.first == "ready" && shown.last == "status \(status)")
    }

    @Test("Ctrl-Z stops it, the shell says so, and it goes on in the foreground")
    func suspend() throws {
        let program = "echo ready; read line; echo got $line"
        let shown = try show("$run sh -c '\(program)'; echo status $?; fg >/dev/null; echo status $?") {
            try $0.await("ready")
            $0.press(.suspend)
            try $0.await("status 148")
            $0.type("word\n")
        }
        #expect(shown.first == "ready" && shown.suffix(2) == ["got word", "status 0"])
    }

    @Test("In the background it stops when it reads, and goes on in the foreground")
    func background() throws {
        let wait = "until ps -o stat= -p $! | grep -q T; do sleep 0.01; done"
        let shown = try show("$run sh -c 'read line; echo got $line' & \(wait); echo stopped; fg >/dev/null") {
            try $0.await("stopped")
            $0.type("word\n")
        }
        #expect(shown == ["stopped", "got word"])
    }

    @Test("A job is ended by the shell's kill")
    func job() throws {
        let shown = try show("$run sh -c 'echo ready; exec sleep 60' & read go; kill %1; wait %1; echo status $?") {
            try $0.await("ready")
            $0.type("go\n")
        }
        #expect(shown.first == "ready" && shown.last == "status 143")
    }

    @Test("It sees the terminal's size, and is told of another")
    func size() throws {
        let program = "trap \"stty size; exit\" WINCH; stty size; while :; do sleep 0.01; done"
        let shown = try show("$run sh -c '\(program)'", size: (33, 77)) {
            try $0.await("33 77")
            $0.resize(rows: 44, columns: 99)
        }
        #expect(shown == ["33 77", "44 99"])
    }

    @Test("Nothing is left when the terminal is taken away")
    func hangUp() throws {
        let program = ["sh", "-c", "echo ready; exec sleep 60"]
        let terminal = try Terminal([HostFixtures.driver, HostFixtures.passing, "--"] + program)
        try terminal.await("ready")
        terminal.hangUp()
        #expect(terminal.end().signal == SIGHUP)
    }
}
