import CLinux
import Glibc
import TestSupport
import Testing

@Suite("Programs on layers that shape")
struct ShapingTests {
    let command: Command
    private let content = (0..<300_000).map { UInt8($0 % 251) }

    init() throws {
        command = try Command()
    }

    @Test("curl downloads no faster than throttle lets it, byte for byte, also through several layers")
    func throttle() throws {
        let server = try FileServer(content)
        defer { server.stop() }
        let sent = try command.directory.write(content, to: "sent")
        let received = "\(command.directory.path)/received"
        for layers in [
            ["throttle:rate=500KB/s"], ["throttle:rate=4mbit", "trace", "count", "throttle=wire:latency=5ms"],
        ] {
            let begin = clinux_monotonic()
            let options = layers.flatMap { ["--layer", $0] }
            let ending = try command.run(["run", "-q"] + options + ["--", "curl", "-sS", "-o", received, server.url])
            #expect(ending.code == 0, "\(ending.errors)")
            // 300,000 bytes at 500,000 a second, but for the burst and a turn.
            #expect(clinux_monotonic() - begin >= 500_000_000)
            #expect(try Child.run(["cmp", sent, received]).code == 0)
        }
    }

    @Test("curl meets what fault lets go wrong, and the run says its seed first and what was done last")
    func fault() throws {
        let server = try FileServer(content)
        defer { server.stop() }
        let received = "\(command.directory.path)/received"
        for (rule, code) in [
            ("refuse", 7), ("reset:down:after=100KB", 56), ("close:down:after=1000", 18), ("short:down:size=1000", 0),
        ] as [(String, Int32)] {
            let layer = "fault:do=\(rule),seed=7"
            let ending = try command.run("run", "--layer", layer, "--", "curl", "-sS", "-o", received, server.url)
            #expect(ending.code == code, "\(rule): \(ending.errors)")
            #expect(ending.complaints.first == "lamina: fault: seed 7")
            let last = ending.complaints.last { $0.hasPrefix("lamina: fault: seed 7, 1 socket: \(rule) ") }
            #expect(last.map { !$0.hasSuffix(" 0") } == true, "\(ending.errors)")
        }
        let never = "fault:do=refuse:chance=0%/socket,do=short:size=100:chance=50%/call"
        let sent = try command.directory.write(content, to: "sent")
        let ending = try command.run(
            ["run", "-q", "--layer", "throttle:rate=8mb/s", "--layer", never, "--layer", "count", "--"]
                + ["curl", "-sS", "-o", received, server.url]
        )
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(try Child.run(["cmp", sent, received]).code == 0)
        #expect(ending.errors.contains("refuse:chance=0%/socket 0"))
    }

    @Test("A rule that can't be read ends a run before its program starts, with the place")
    func mistake() throws {
        let ending = try command.run("run", "--layer", "fault:do=reset:chance=10%", "--", "echo", "started")
        #expect(ending.code == 125 && ending.output.isEmpty)
        #expect(ending.errors.contains("at 14: \"10%\" doesn't say of what; write 10%/socket or 10%/call"))
    }
}
