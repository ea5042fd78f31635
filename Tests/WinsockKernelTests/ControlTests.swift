import TestSupport
import Testing

@Suite struct ControlTests {
    private let programs: DriverPrograms

    init() throws {
        programs = try DriverPrograms()
    }

    @Test(
        "Options and ioctls do by their Windows names what they do there",
        arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"],
        ["", "-DWSK_SELF_CONTAINED"]
    )
    func controls(compiler: String, mode: String) throws {
        let program = try programs.compile("controls.c", mode, compiler: compiler)
        try programs.expectDone([program])
        try programs.expectDone([program], "LAMINA_LAYERS=trace:file=\(programs.tree.path)/trace")
        let trace = try programs.shell("cat trace").output
        #expect(trace.contains("send_only") && trace.contains("LAMINA_RECEIVE_BACKLOG"))
        try programs.expectDone([program], "LAMINA_WSK_FORCE=pend=50%,late=20%,seed=7")
    }

    @Test(
        "Ancillary data go and come by their Windows names, and datagrams in segments as they do there",
        arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"],
        ["", "-DWSK_SELF_CONTAINED"]
    )
    func ancillary(compiler: String, mode: String) throws {
        let program = try programs.compile("ancillary.c", mode, compiler: compiler)
        try programs.expectDone([program])
        try programs.expectDone([program], "LAMINA_LAYERS=trace:file=\(programs.tree.path)/trace")
        try programs.expectDone([program], "LAMINA_WSK_FORCE=pend=50%,late=20%,seed=7")
    }

    @Test("What a control call can't serve is refused with its own status")
    func refusals() throws {
        try programs.expectDone([try programs.compile("controls.c"), "refusals"])
    }

    @Test("A layer's extension is registered by its interface's name")
    func extensions() throws {
        let fixture = "\(PackageTree.root)/Tests/Fixtures/layers/extension.c"
        let headers = "\(PackageTree.root)/Sources/CLamina/include"
        let built = try programs.shell("cc -std=gnu11 -shared -fPIC -I\(headers) \(fixture) -o libextension.so")
        try #require(built.code == 0, "\(built.errors)")
        let program = try programs.compile("controls.c")
        try programs.expectDone([program, "extension"], "LAMINA_LAYERS=\(programs.tree.path)/libextension.so")
    }

    @Test("A wait for other addresses ends when one comes")
    func addresses() throws {
        let ending = try programs.run([try programs.compile("controls.c"), "addresses"])
        if ending.output == "forbidden\n" { return }  // No user namespace may be made here.
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test("The list of transports is the catalog's, and a wait for another ends when an entry comes")
    func transports() throws {
        let memory = "\(PackageTree.root)/Plugins/Memory/manifest.json"
        let program = try programs.compile("transports.c")
        try programs.expectDone(
            [program, memory, "\(PackageTree.products)/libLaminaMemory.so", programs.tree.path]
        )
    }

    @Test("A deregister with a deadline names what is left, with its place, and closes it if it is told to")
    func deregister() throws {
        let program = try programs.compile("deregister.c", "-rdynamic")
        let left = try programs.run([program])
        #expect(left.code == 0 && left.output == "done\n", "\(left.errors)")
        for line in [
            "WskDeregisterWithin of the client that registered at ",
            "waits for 1 captures, 2 sockets and 0 requests", "capture, made at ",
            "connection socket, made at make_client", "listen socket, made at make_listener",
            "request of WskReceive, its IRP made at ",
        ] {
            #expect(left.errors.contains(line), "\(line) is not in \(left.errors)")
        }
    }
}
