import TestSupport
import Testing

/// The C API, as C programs see it.
@Suite struct CAPITests {
    private let programs: CPrograms

    init() throws {
        programs = try CPrograms()
    }

    /// Runs a program over the kernel base with the layer "gate" above it; it says at its end that all was well.
    private func expectDone(_ program: String, _ compiler: String = "gcc -std=gnu11") throws {
        let ending = try programs.run(
            try programs.linked(program, compiler: compiler),
            CPrograms.kernel,
            programs.layer
        )
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test(
        "Waiting calls echo over TCP by name and exchange datagrams, in C and in C++",
        arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"]
    )
    func waiting(compiler: String) throws {
        try expectDone("waiting.c", compiler)
    }

    @Test("Requests complete by their routines on one thread that runs the engine: echo, deadline, cancel, close")
    func requests() throws {
        try expectDone("requests.c")
    }

    @Test("Descriptors are adopted and inherited, and values redeemed and withdrawn, by the C API")
    func descriptors() throws {
        try expectDone("descriptors.c")
    }

    @Test("After a fork the child uses shared sockets, gets ESTALE from others, and the parent's requests stay its own")
    func fork() throws {
        let program = try programs.linked("fork.c", compiler: "gcc -std=gnu11")
        let ending = try programs.run(program, CPrograms.kernel, CPrograms.memory)
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test(
        "The shared engine runs as many threads as LAMINA_ENGINE_THREADS says, each socket on one, also in a child",
        arguments: [1, 3, 4]
    )
    func engines(threads: Int) throws {
        let program = try programs.linked("engines.c")
        let variable = "LAMINA_ENGINE_THREADS=\(threads)"
        let ending = try programs.run(program, CPrograms.kernel, "\(threads)", environment: [variable])
        #expect(ending.code == 0 && ending.output == "done\n" && ending.errors.isEmpty, "\(ending.errors)")
    }

    @Test("A bad LAMINA_ENGINE_THREADS is named and not followed", arguments: ["0", "65", "many", "-1", " 2"])
    func badThreads(text: String) throws {
        let program = try programs.linked("engines.c")
        let variable = "LAMINA_ENGINE_THREADS=\(text)"
        let ending = try programs.run(program, CPrograms.kernel, "0", environment: [variable])
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
        #expect(ending.errors.hasPrefix("lamina: LAMINA_ENGINE_THREADS: \"\(text)\" is no number from 1 to 64"))
        #expect(ending.errors.filter { $0 == "\n" }.count == 1, "\(ending.errors)")
    }

    @Test("Destinations, control data and addresses are had from C; a wait for other addresses ends when one comes")
    func controls() throws {
        let program = try programs.linked("controls.c", compiler: "gcc -std=gnu11")
        let ending = try programs.run(program, CPrograms.kernel)
        // No user namespace may be made here.
        if ending.output == "forbidden\n" { return }
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test("Names are asked for from C; a resolver that gets stuck stops nothing else, and gives its memory back")
    func names() throws {
        let program = "\(programs.tree.path)/program"
        try programs.compile("names.c", to: program, "\(programs.link) -rdynamic -ldl")
        let ending = try programs.run(program, CPrograms.kernel, "-")
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test("A chain is had by its name, and a program has the one that its policy says")
    func chosen() throws {
        let program = try programs.linked("chosen.c")
        let folder = "share/lamina/catalog.d"
        try programs.tree.write(#"{"format": 1, "layers": ["count=named"]}"#, to: "\(folder)/chains/web.json")
        try programs.tree.write(
            "{\"format\": 1, \"subject\": \"path:\(program)\", \"layers\": [\"count=policed\"]}",
            to: "\(folder)/policies/program.json"
        )
        let ending = try programs.run(program)
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test("Threads that wait on one engine that the program runs take turns running it")
    func turns() throws {
        try expectDone("turns.c")
    }

    @Test("Wrong use gets an error in one line that names the level, and never crashes")
    func errors() throws {
        try expectDone("errors.c")
    }

    @Test("A program's signal handlers, mask and alternate stack stay its own")
    func signals() throws {
        try expectDone("signals.c")
    }

    @Test("The library and a module linked to it can be loaded when the program runs already")
    func late() throws {
        let folder = programs.tree.path
        try programs.compile("module.c", to: "\(folder)/module.so", "-shared -fPIC \(programs.link)")
        try programs.compile("late.c", to: "\(folder)/late", "-pthread")
        let library = "\(folder)/lib/liblamina.so.0"
        let ending = try programs.run(
            "\(folder)/late",
            CPrograms.kernel,
            programs.layer,
            library,
            "\(folder)/module.so"
        )
        #expect(ending.code == 0 && ending.output == "done\n", "\(ending.errors)")
    }

    @Test("The library exports what its header declares and what the inline callers need, and no Swift library")
    func exports() throws {
        let header = try programs.shell(
            "sed 's,//.*,,' \(CPrograms.headers)/lamina.h \(CPrograms.headers)/lamina_lookup.h | grep -oE '\\blamina_[a-z0-9_]+\\('"
        )
        let declared = Set(header.lines.map { String($0.dropLast()) })
        let exported = try programs.shell("nm -D --defined-only \(CPrograms.library) | awk '{print $3}'")
        #expect(declared.count > 30)
        #expect(Set(exported.lines) == declared.union(["lamina_self", "lamina_enter_slowly"]))
        let needed = try programs.shell("readelf -d \(CPrograms.library)").output
        #expect(needed.contains("liblamina.so.0") && !needed.contains("libswift"), "\(needed)")
    }

    @Test("The README's C sample compiles, and talks to a server through its chain")
    func readme() throws {
        let readme = String(decoding: try readAll("\(PackageTree.root)/README.md"), as: UTF8.self)
        let section = readme.split(separator: "\n## Using it from C\n").last ?? ""
        let block = try #require(section.split(separator: "```").first { $0.hasPrefix("c\n") })
        let sample = try programs.linked(try programs.tree.write(String(block.dropFirst(2)), to: "sample.c"))
        let server = "\(programs.tree.path)/serve"
        try programs.compile("serve.c", to: server, "")
        let ending = try programs.run(server, sample)
        #expect(ending.code == 0 && ending.output.contains("HTTP/1.0 200 OK"), "\(ending.output)\(ending.errors)")
        #expect(ending.errors.contains("lamina: ") && ending.errors.contains("connect"), "\(ending.errors)")
    }
}
