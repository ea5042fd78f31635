import TestSupport
import Testing

@Suite struct EchoTests {
    private let programs: DriverPrograms
    private let server: String
    private let client: String

    init() throws {
        programs = try DriverPrograms()
        server = try programs.compile("echo_server.c", "-shared -fPIC", to: "echo_server.so")
        client = try programs.compile("echo_client.c", "-rdynamic", to: "echo_client")
    }

    @Test(
        "An echo driver serves 200 connections of 1 byte to 2 MB in both directions at once, and unloads without a rest",
        arguments: ["", "pend=50%,late=20%,seed=7", "pend=100%,late=100%"]
    )
    func echo(force: String) throws {
        try programs.expectDone([client, server], "LAMINA_WSK_FORCE=\(force)")
    }

    @Test("Echo drivers under a sanitizer give no report", arguments: ["address", "thread"])
    func sanitized(sanitizer: String) throws {
        let flags = "-O1 -fsanitize=\(sanitizer)"
        let server = try programs.compile("echo_server.c", "-shared -fPIC \(flags)", to: "sanitized.so")
        let client = try programs.compile("echo_client.c", "-rdynamic \(flags)", to: "sanitized")
        try programs.expectDone([client, server])
    }
}
