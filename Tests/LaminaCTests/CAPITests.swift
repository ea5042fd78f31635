import Glibc
import Testing

/// The C API, as C programs see it.
@Suite struct CAPITests {
    /// Runs a program over the kernel base with the layer "gate" above it, in the tree's catalog.
    private func run(_ program: String, _ more: String = "") -> CPrograms.Ending {
        let catalog = "LAMINA_CATALOG_PATH=\(CPrograms.prefix)/share/lamina/catalog.d"
        return CPrograms.run("\(catalog) \(program) \(CPrograms.kernel) \(CPrograms.layer) \(more)")
    }

    private func expectDone(_ ending: CPrograms.Ending) {
        #expect(ending.code == 0 && ending.text == "done\n", "\(ending.text)")
    }

    @Test("Waiting calls echo over TCP by name and exchange datagrams, in C and in C++", arguments: ["gcc -std=gnu11", "g++ -x c++ -std=c++17"])
    func waiting(compiler: String) {
        expectDone(run(CPrograms.linked("waiting.c", compiler: compiler)))
    }

    @Test("Requests complete by their routines on one thread that runs the engine: echo, deadline, cancel, close")
    func requests() {
        expectDone(run(CPrograms.linked("requests.c")))
    }

    @Test("Wrong use gets an error in one line that names the level, and never crashes")
    func errors() {
        expectDone(run(CPrograms.linked("errors.c")))
    }

    @Test("A program's signal handlers, mask and alternate stack stay its own")
    func signals() {
        expectDone(run(CPrograms.linked("signals.c")))
    }

    @Test("The library and a module linked to it can be loaded when the program runs already")
    func late() {
        let module = "\(CPrograms.prefix)/module.so"
        CPrograms.compile(
            "module.c",
            to: module,
            "-shared -fPIC -L\(CPrograms.prefix)/lib -llamina -Wl,-rpath,\(CPrograms.prefix)/lib"
        )
        let program = "\(CPrograms.prefix)/late"
        CPrograms.compile("late.c", to: program, "-pthread")
        expectDone(run(program, "\(CPrograms.prefix)/lib/liblamina.so.0 \(module)"))
    }

    @Test("The library exports what its header declares and nothing else, and needs no Swift library")
    func exports() {
        let declared = CPrograms.run("grep -ohE '^[a-z].*\\blamina_[a-z0-9_]+\\($|^[a-z][^(]*\\blamina_[a-z0-9_]+\\(' \(CPrograms.headers)/lamina.h | grep -oE 'lamina_[a-z0-9_]+\\(' | tr -d '('")
        let exported = CPrograms.run("nm -D --defined-only \(CPrograms.library) | awk '{print $3}'")
        let inline = ["lamina_self", "lamina_enter_slowly"]
        let names = { (text: String) in Set(text.split(separator: "\n").map(String.init)) }
        #expect(names(declared.text).count > 30)
        #expect(names(exported.text) == names(declared.text).union(inline))
        let needed = CPrograms.run("readelf -d \(CPrograms.library)").text
        #expect(needed.contains("liblamina.so.0") && !needed.contains("libswift"), "\(needed)")
    }

    @Test("The README's C sample compiles and talks through its chain to a server")
    func readme() {
        let readme = CPrograms.run("cat \(CPrograms.package)/README.md").text
        let section = readme.split(separator: "## Using it from C\n", maxSplits: 1).dropFirst().first ?? ""
        let blocks = section.split(separator: "```")
        let source = blocks.first { $0.hasPrefix("c\n") }.map { String($0.dropFirst(2)) } ?? ""
        let path = "\(CPrograms.prefix)/sample.c"
        #expect(CPrograms.run("cat > \(path) <<'END OF SAMPLE'\n\(source)END OF SAMPLE").code == 0)
        let sample = CPrograms.linked(path)
        let server = "\(CPrograms.prefix)/serve"
        CPrograms.compile("serve.c", to: server, "")
        let catalog = "LAMINA_CATALOG_PATH=\(CPrograms.prefix)/share/lamina/catalog.d"
        let ending = CPrograms.run("\(catalog) \(server) \(sample)")
        #expect(ending.code == 0 && ending.text.contains("HTTP/1.0 200 OK"), "\(ending.text)")
        #expect(ending.text.contains("lamina: ") && ending.text.contains("connect"), "\(ending.text)")
    }
}
