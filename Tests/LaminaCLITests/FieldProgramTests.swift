import Glibc
import Lamina
import TestSupport
import Testing

/// What went wrong in the field with programs over Winsock's layered service providers, each shown not to happen here.
/// The numbers are those of the table in `Winsock.md`.
@Suite("Field failures of programs")
struct FieldProgramTests {
    let field: Field
    /// Layers that see no data, and one that does: without a hop and with one.
    static let layers = [
        ["--layer", "quiet"], ["--layer", "alpha"], ["--layer", "trace", "--layer", "alpha"],
    ]

    init() throws {
        field = try Field()
        try field.install("alpha")
        try field.install("quiet", "QUIET")
    }

    /// Runs the fixture `waits` under these layers.
    private func waits(_ how: String, under options: [String]) throws -> Child.Ending {
        let parts = field.destination.split(separator: ":").map(String.init)
        return try field.run(options, [try field.build("waits")] + parts + [how])
    }

    @Test("F4: a plug-in's code is in no process whose chain doesn't name it, and under run in no program at all")
    func scope() throws {
        let program = try field.build("connects", linked: true)
        let bare = try field.runAlone([program, field.destination])
        #expect(bare.code == 0, "\(bare.output)\(bare.errors)")
        #expect(bare.lines.contains { $0.hasPrefix("image libLaminaKernel") }, "\(bare.output)")
        for name in ["libalpha", "libnamed", "libLaminaTrace", "libLaminaCount"] {
            #expect(!bare.output.contains(name), "\(bare.output)")
        }
        let layered = try field.runAlone([program, field.destination, "alpha"])
        #expect(layered.lines.contains { $0.hasPrefix("image libnamed") }, "\(layered.output)")
        #expect(!layered.output.contains("libLaminaTrace"), "\(layered.output)")
        let mapped = try field.run(["--layer", "alpha", "--layer", "count"], ["cat", "/proc/self/maps"])
        #expect(mapped.output.contains("libLaminaPreload"), "\(mapped.output)")
        for name in ["libnamed", "libLaminaCount", "libLaminaKernel"] { #expect(!mapped.output.contains(name)) }
    }

    @Test(
        "F5, F6: select, poll and epoll wait for layered sockets, copies of them and other descriptors at once",
        arguments: layers
    )
    func waiting(_ options: [String]) throws {
        let ending = try waits("wait", under: options)
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.lines.prefix(3) == ["select 3", "poll 3", "epoll 3"], "\(ending.output)")
        #expect(ending.output.hasSuffix(field.answer))
    }

    @Test("F7: a plug-in made for a smaller table works, and what it doesn't know passes it by")
    func growth() throws {
        try field.install("old", "TABLE_SIZE=offsetof(lamina_table,export_state)")
        let port = field.destination.split(separator: ":").last ?? ""
        let ending = try field.run(["--layer", "old"], ["curl", "-sS", "http://localhost:\(port)/"])
        #expect(ending.code == 0, "\(ending.errors)")
        #expect(ending.output == field.answer)
    }

    @Test("F8: a policy for one program touches no other, and an update of that program keeps it")
    func policy() throws {
        let copy = "\(field.path)/named program"
        #expect(try Child.run(["cp", "/usr/bin/curl", copy]).code == 0)
        try field.succeeds("policy", "set", "path:\(copy)", "--layer", "count")
        func counts(_ program: String) throws -> Bool {
            let ending = try field.run([], [program, "-sS", field.server.url])
            #expect(ending.code == 0 && ending.output == field.answer, "\(ending.errors)")
            return ending.errors.contains("count: ")
        }
        #expect(try counts(copy))
        #expect(try !counts("/usr/bin/curl"))
        #expect(try Child.run(["cp", "--remove-destination", "/usr/bin/curl", copy]).code == 0)
        #expect(try counts(copy))
        #expect(try field.run([], [copy, "-sS", field.server.url], environment: ["LAMINA_DISABLE=1"]).code == 0)
    }

    @Test("F11: a failure says at which layer it arose")
    func blame() throws {
        try field.install("wall", "REFUSES=EACCES")
        let program = try field.build("connects", linked: true)
        let ending = try field.runAlone([program, field.destination, "alpha", "wall=gate"])
        #expect(ending.code == 1)
        #expect(ending.output.hasPrefix("connect failed at \"gate\": "), "\(ending.output)")
        let run = try field.run(["-v", "--layer", "alpha", "--layer", "wall=gate"])
        #expect(run.errors.contains("gate"), "\(run.errors)")
    }

    @Test(
        "F15: a child, the program that it becomes, and a stranger that is given the descriptor use the layered socket",
        arguments: layers
    )
    func inheritance(_ options: [String]) throws {
        for how in ["inherit", "pass"] {
            let ending = try waits(how, under: options)
            #expect(ending.code == 0, "\(how): \(ending.errors)")
            #expect(ending.output.hasSuffix(field.answer), "\(how): \(ending.output)")
        }
    }

    @Test("F16: a program that goes around its C library doesn't go around its layers unseen")
    func enforcement() throws {
        try field.install("wall", "REFUSES=EACCES")
        let carried = try waits("raw", under: ["--layer", "alpha"])
        #expect(carried.code == 0, "\(carried.errors)")
        #expect(carried.output.hasSuffix(field.answer), "\(carried.output)")
        let refused = try waits("raw", under: ["--layer", "alpha", "--layer", "wall=gate"])
        #expect(refused.code == 1)
        #expect(refused.output.hasPrefix("connect: "), "\(refused.output)")
        #expect(field.server.count == 1)
    }

    @Test("F17: a process ends at once with sockets open, receives waiting, and a layer that never lets go")
    func teardown() throws {
        let program = try field.build("connects", linked: true)
        let stuck = try CPlugin.build("Fixtures/layers/stuck")
        let ending = try field.runAlone(["timeout", "-k", "1", "20", program, field.destination, stuck, "alpha"])
        #expect(ending.code == 0, "\(ending.output)\(ending.errors)")
        #expect(ending.lines.last == "receive 1", "\(ending.output)")
    }
}
