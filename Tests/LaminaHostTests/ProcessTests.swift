import CLinux
import Glibc
import TestSupport
import Testing

@Suite("The program's process")
struct ProcessTests {
    @Test("The exit status is the program's", arguments: HostFixtures.Effect.allCases)
    func exitStatus(effect: HostFixtures.Effect) throws {
        #expect(try HostFixtures.run(effect, ["/bin/sh", "-c", "exit 7"]).code == 7)
        #expect(try HostFixtures.run(effect, ["/bin/sh", "-c", "kill -TERM $$"]).signal == SIGTERM)
    }

    @Test("A program that isn't there is 127, one that can't be executed 126")
    func notFound() throws {
        let missing = try HostFixtures.run(.none, ["lamina-no-such-program"])
        #expect(missing.code == 127)
        #expect(missing.errors == "lamina: lamina-no-such-program: No such file or directory\n")
        #expect(try HostFixtures.run(.none, ["/nonexistent/program"]).code == 127)
        #expect(try HostFixtures.run(.none, ["/etc/passwd"]).code == 126)
        #expect(try HostFixtures.run(.none, ["/tmp"]).code == 126)
    }

    @Test("Standard streams pass unchanged")
    func streams() throws {
        let child = try HostFixtures.start([HostFixtures.passing], ["/bin/sh", "-c", "cat; echo bad >&2"])
        child.write("through and through")
        let ending = child.end()
        #expect(ending.output == "through and through")
        #expect(ending.errors == "bad\n")
    }

    @Test("A program whose standard input is closed is started without one")
    func closedStream() throws {
        let script = "\(HostFixtures.driver) \(HostFixtures.passing) -- /bin/sh -c 'cat; echo $?' <&- 2>/dev/null"
        #expect(try Child(["/bin/sh", "-c", script]).end().lines == ["1"])
    }

    @Test("The environment is inherited, and other preloaded libraries stay behind Lamina's")
    func environment() throws {
        let ending = try HostFixtures.run(
            .none,
            ["/bin/sh", "-c", "echo $MINE; echo $LD_PRELOAD"],
            environment: ["MINE=kept"]
        )
        #expect(ending.lines.first == "kept")
        #expect(ending.lines.last?.hasSuffix("libLaminaPreload.so") == true)
        let both = try HostFixtures.run(
            .none,
            ["/bin/sh", "-c", "echo $LD_PRELOAD"],
            environment: ["LD_PRELOAD=libc.so.6"]
        )
        #expect(both.lines.last?.hasSuffix("libLaminaPreload.so:libc.so.6") == true)
    }

    @Test("The program starts with the signals, process group and session that it would have had")
    func inheritance() throws {
        let script =
            "grep -E '^(SigBlk|SigIgn|SigCgt|NoNewPrivs)' /proc/self/status; ps -o pgid=,sid= -p $$ | tr -s ' '"
        let child = try HostFixtures.start([HostFixtures.passing], ["/bin/sh", "-c", script])
        let lines = child.end().lines
        let native = try Child(["/bin/sh", "-c", script])
        let expected = native.end().lines
        #expect(lines.count == 5)
        #expect(lines[0] == expected[0])
        #expect(lines[1] == expected[1])
        #expect(lines[2] == expected[2])
        #expect(lines[4] == expected[4].replacing("\(native.process)", with: "\(child.process)"))
    }

    @Test("A signal to the command reaches the program", arguments: [SIGTERM, SIGHUP, SIGINT, SIGUSR1])
    func forwarded(signal: Int32) throws {
        let script = "trap 'echo caught; exit 3' \(signal); echo ready; while :; do sleep 0.01; done"
        let child = try HostFixtures.start([], ["/bin/sh", "-c", script])
        try child.await("ready")
        kill(child.process, signal)
        let ending = child.end()
        #expect(ending.lines == ["ready", "caught"])
        #expect(ending.code == 3)
    }

    @Test("A program that stops stops the command, and goes on with it")
    func stops() throws {
        let child = try HostFixtures.start([], ["/bin/sh", "-c", "echo ready; kill -STOP $$; echo on"])
        try child.await("ready")
        var status: Int32 = 0
        #expect(waitpid(child.process, &status, WUNTRACED) == child.process)
        #expect(status & 0xff == 0x7f)
        kill(-child.process, SIGCONT)
        let ending = child.end()
        #expect(ending.lines == ["ready", "on"])
        #expect(ending.code == 0)
    }

    @Test("The command stays until the last process that the program started has ended, and leaves none")
    func nothingLeft() throws {
        let child = try HostFixtures.start(
            [HostFixtures.passing],
            ["/bin/sh", "-c", "exec 3<&0; (read line <&3; echo late $line) & echo first"]
        )
        try child.await("first")
        child.write("word\n")
        let ending = child.end()
        #expect(ending.lines == ["first", "late word"])
        #expect(child.isGone())
    }

    @Test("Nothing outlives a command that is killed")
    func killed() throws {
        let child = try HostFixtures.start([HostFixtures.passing], ["/bin/cat"])
        child.write("x\n")
        try child.await("x")
        kill(child.process, SIGKILL)
        #expect(child.end().signal == SIGKILL)
        #expect(child.isGone())
    }
}

extension Child {
    /// Whether every process of its group has ended; those that are about to are given five seconds.
    func isGone() -> Bool {
        let deadline = clinux_monotonic() + 5_000_000_000
        while leavesLiving {
            if clinux_monotonic() > deadline { return false }
            sched_yield()
        }
        return true
    }

    /// Whether a process of its group is left that has not ended.
    var leavesLiving: Bool {
        guard leavesProcesses else { return false }
        guard let entries = opendir("/proc") else { return true }
        defer { closedir(entries) }
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let number = pid_t(name), getpgid(number) == process else { continue }
            let file = open("/proc/\(number)/stat", O_RDONLY | O_CLOEXEC)
            var bytes = [UInt8](repeating: 0, count: 512)
            let count = read(file, &bytes, bytes.count)
            close(file)
            let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            if let end = text.lastIndex(of: ")"), !text[end...].hasPrefix(") Z") { return true }
        }
        return false
    }
}
