import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// Sockets go from process to process, and to nobody else.
@Suite struct HandoffProcessTests {
    private let source: HandoffProcess
    private let target: HandoffProcess

    init() throws {
        source = try HandoffProcess()
        target = try HandoffProcess()
    }

    private func end() {
        source.end()
        target.end()
    }

    /// The source has its connection as before, and nothing is left of the handoff.
    private func expectUntouched(_ descriptors: String, _ text: String = "still") throws {
        #expect(try source.ask("send \(text)") == "ok")
        #expect(try source.ask("peer-receive \(text.utf8.count)") == "got \(text)")
        try expectDescriptors(descriptors)
    }

    /// Waits until the source has as many descriptors as it had: its engine ends a handoff by itself.
    private func expectDescriptors(_ count: String) throws {
        let deadline = soon()
        var found = try source.ask("fds")
        while found != count, clinux_monotonic() < deadline { found = try source.ask("fds") }
        #expect(found == count)
    }

    @Test("A value brings the socket to the process that it names, once, and costs no descriptor afterwards")
    func once() throws {
        try source.open()
        _ = try source.ask("churn 1")
        let before = try source.ask("fds")
        let value = try source.duplicate(for: target)
        #expect(try target.ask("redeem \(value)") == "ok kernel")
        #expect(try target.ask("send hello") == "ok")
        #expect(try source.ask("peer-receive 5") == "got hello")
        let again = try target.ask("redeem \(value)")
        #expect(again.hasPrefix("error refused \(ECONNREFUSED) "), "\(again)")
        try expectUntouched(before)
        end()
    }

    @Test("Another process, one of another user, and one that doesn't exist get nothing")
    func strangers() throws {
        try source.open()
        _ = try source.ask("churn 1")
        let before = try source.ask("fds")
        let value = try source.duplicate(for: target)
        let stranger = try HandoffProcess()
        let refused = try stranger.ask("redeem \(value)")
        #expect(
            refused.hasPrefix("error refused \(EPERM) protocol info: is for process \(target.process)"),
            "\(refused)"
        )
        // It doesn't even get a word where it leaves that check out.
        #expect(try stranger.ask("raw 1 \(value)") == "gone")
        #expect(try target.ask("redeem \(value)") == "ok kernel")
        stranger.end()
        #expect(try source.ask("duplicate 2147483000").hasPrefix("error refused \(ESRCH) "))
        if getuid() == 0 {
            let other = try HandoffProcess()
            let early = try source.duplicate(for: other)
            #expect(try other.ask("user 65534") == "ok")
            #expect(try source.duplicate(for: other).hasPrefix("error refused \(EPERM) "))
            #expect(try other.ask("raw 1 \(early)") == "gone")
            #expect(try source.ask("withdraw") == "ok")
            other.end()
        }
        try expectUntouched(before)
        end()
    }

    @Test("A value that is cut or edited anywhere is refused, also where its check was made to fit")
    func edited() throws {
        try source.open()
        let value = try source.duplicate(for: target)
        for kind in ["cut", "flip", "fit"] { #expect(try target.ask("\(kind) \(value)") == "ok", "\(kind)") }
        #expect(try target.ask("redeem \(value)") == "ok kernel")
        end()
    }

    @Test("A value that comes late or was withdrawn is refused; so is one whose socket or source is gone")
    func late() throws {
        try source.open()
        _ = try source.ask("churn 1")
        let before = try source.ask("fds")
        let short = try source.duplicate(for: target, "1")
        let expired = try target.ask("redeem \(short)")
        #expect(expired.hasPrefix("error timedOut \(ETIMEDOUT) "), "\(expired)")
        try expectDescriptors(before)
        let taken = try source.duplicate(for: target)
        #expect(try source.ask("withdraw") == "ok")
        let withdrawn = try target.ask("redeem \(taken)")
        #expect(withdrawn.hasPrefix("error refused \(ECONNREFUSED) "), "\(withdrawn)")
        try expectUntouched(before)
        let orphan = try source.duplicate(for: target)
        #expect(try source.ask("close") == "ok")
        #expect(try target.ask("redeem \(orphan)").hasPrefix("error refused \(ECONNREFUSED) "))
        try source.open()
        let dead = try source.duplicate(for: target)
        source.kill()
        #expect(try target.ask("redeem \(dead)").hasPrefix("error refused \(ECONNREFUSED) "))
        target.end()
    }

    @Test(
        "A target that dies in the middle, under share or move, leaves the source as it was, with its pending receive",
        arguments: [0, 1, 2],
        ["share", "move"]
    )
    func death(step: Int, mode: String) throws {
        try source.open()
        _ = try source.ask("churn 1")
        #expect(try source.ask("pend") == "1")
        let before = try source.ask("fds")
        let value = try source.duplicate(for: target, "30000 \(mode)")
        let seen = try target.ask("raw \(step) \(value)")
        #expect(seen == ["connected", "chain 0", "state 1"][step], "\(seen)")
        target.kill()
        if step == 0 { #expect(try source.ask("withdraw") == "ok") }
        try expectUntouched(before)
        #expect(try source.ask("peer-send data") == "ok")
        #expect(try source.ask("pended") == "0 4")
        source.end()
    }

    @Test("Garbage, silence and words out of turn end that visit, and disturb nobody else")
    func hostile() throws {
        try source.open()
        _ = try source.ask("churn 1")
        let before = try source.ask("fds")
        let value = try source.duplicate(for: target)
        for length in [1, 7, 8, 264, 1024] {
            let answer = try target.ask("garbage \(length) \(value)")
            #expect(answer == "sent refused \(EPROTO)", "\(length): \(answer)")
        }
        // Two of the target's connections hang; another process's handoff goes on meanwhile, and the target's too.
        #expect(try target.ask("raw 0 \(value)") == "connected")
        let other = try HandoffProcess()
        let second = try source.duplicate(for: other)
        #expect(try other.ask("redeem \(second)") == "ok kernel")
        #expect(try target.ask("redeem \(value)") == "ok kernel")
        other.end()
        try expectUntouched(before)
        end()
    }

    @Test("A process id that is used again is not the process that was named")
    func reused() throws {
        // Whose ids are next is the system administrator's to say.
        let path = "/proc/sys/kernel/ns_last_pid"
        guard getuid() == 0, access(path, W_OK) == 0 else { return }
        try source.open()
        for _ in 0..<50 {
            let first = try HandoffProcess()
            let value = try source.duplicate(for: first)
            let process = first.process
            first.kill()
            // The kernel counts in ticks; the next process starts in another one.
            let born = OriginStorage.startTime(of: source.process)
            #expect(born > 0)
            _ = clinux_wait_for(-1, 0, -1, -1, clinux_monotonic() + 30_000_000)
            let file = open(path, O_WRONLY | O_CLOEXEC)
            let text = "\(process - 1)"
            let written = write(file, text, text.utf8.count)
            close(file)
            guard written > 0 else { break }
            let second = try HandoffProcess()
            defer { second.end() }
            guard second.process == process else { continue }
            #expect(try second.ask("redeem \(value)").hasPrefix("error refused \(EPERM) "))
            #expect(try second.ask("raw 1 \(value)") == "gone")
            break
        }
        end()
    }

    @Test("Values are bounded, a thousand of them leave no descriptor, and neither do a thousand handovers")
    func bounds() throws {
        try source.open()
        _ = try source.ask("churn 1")
        _ = try source.ask("again 1")
        let before = try source.ask("fds")
        #expect(try source.ask("flood").hasPrefix("64 protocol info: 64 values are outstanding"))
        #expect(try source.ask("churn 1000") == "ok")
        #expect(try source.ask("again 1000") == "ok")
        try expectUntouched(before)
        end()
    }

    @Test("A layer's state moves to another process; the source is stale, and the pending receive has ended")
    func move() throws {
        let keystream = try Plugin.build("keystream")
        try source.open("\(keystream)=cipher")
        #expect(try source.ask("send first") == "ok")
        #expect(try source.ask("peer-receive 5") == "got first")
        #expect(try source.ask("pend") == "1")
        let value = try source.duplicate(for: target)
        #expect(try target.ask("redeem \(value)") == "ok cipher/kernel")
        #expect(try source.ask("pended") == "-\(ECANCELED) 0")
        #expect(try source.ask("send x").hasPrefix("error system \(ESTALE) "))
        #expect(try target.ask("send second") == "ok")
        #expect(try source.ask("peer-receive 6") == "got second")
        #expect(try source.ask("peer-send third") == "ok")
        #expect(try target.ask("receive 5") == "got third")
        #expect(try source.ask("close") == "ok")
        #expect(try target.ask("send fourth") == "ok")
        #expect(try source.ask("peer-receive 6") == "got fourth")
        end()
    }

    @Test("A level that can't hand over is named, and so is one that refuses what comes; the source goes on")
    func refusals() throws {
        #expect(try source.ask("open \(Plugin.product("Memory"))") == "ok")
        let memory = try source.duplicate(for: target)
        #expect(memory.hasPrefix("error refused \(EOPNOTSUPP) layer \"memory\": can't hand"), "\(memory)")
        let refusing = try CPlugin.build("Fixtures/layers/keystream", options: ["-DREFUSES"])
        try source.open("\(refusing)=cipher")
        #expect(try source.ask("pend") == "1")
        let value = try source.duplicate(for: target)
        let answer = try target.ask("redeem \(value)")
        #expect(answer.hasPrefix("error refused \(EPROTO) layer \"cipher\": can't take the socket over"), "\(answer)")
        #expect(try source.ask("send still") == "ok")
        #expect(try source.ask("peer-receive 5") == "got still")
        #expect(try source.ask("peer-send data") == "ok")
        #expect(try source.ask("pended") == "0 4")
        end()
    }
}
