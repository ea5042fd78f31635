import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The catalog of programs that run")
struct CatalogLivingTests {
    let fixtures: CoreFixtures
    let writer: CatalogWriter

    init() throws {
        fixtures = try CoreFixtures()
        writer = CatalogWriter(
            CatalogDirectory("\(fixtures.directory.path)/catalog.d", libraries: "\(fixtures.directory.path)/lib"),
            quarantine: Quarantine(path: "\(fixtures.directory.path)/quarantine")
        )
        let held = try fixtures.library("held")
        _ = try writer.install(held, probe: Self.probe)
    }

    static let probe: @Sendable (String) throws(LaminaError) -> [Manifest] = { copy throws(LaminaError) in
        try Library.load(copy).providers.map(\.manifest)
    }

    var catalog: Catalog { Catalog(directories: [writer.directory], quarantine: writer.quarantine) }

    func layers(_ texts: String...) throws -> [LayerSpecification] {
        try texts.map { try LayerSpecification(parsing: $0) }
    }

    func chain(_ texts: String...) throws -> Chain {
        try Chain(
            layers: try texts.map { try LayerSpecification(parsing: $0) },
            base: LayerSpecification(name: "held"),
            catalog: catalog
        )
    }

    @Test(
        "F13: new sockets get the new chain, open ones keep theirs, and what has nothing to do with it makes no new one"
    )
    func source() throws {
        _ = try writer.install(try fixtures.library("layer"), probe: Self.probe)
        let source = try ChainSource(
            layers: try layers("layer"),
            base: LayerSpecification(name: "held"),
            directories: [writer.directory]
        )
        let first = try source.chain
        let old = try first.open(.connection())
        #expect(first.generation?[writer.directory.path] == 2)
        try writer.write(Manifest(name: "unrelated", library: "none.so", kind: .layered, effect: .observe))
        #expect(try source.chain === first)
        _ = try writer.install(try fixtures.library("layer", "SENDS", named: "newer"), probe: Self.probe)
        let second = try source.chain
        #expect(second !== first)
        #expect(second.generation?[writer.directory.path] == 4)
        #expect(second.instances[0].provider.path != first.instances[0].provider.path)
        #expect(try source.chain === second)
        #expect(try old.seen(.opens) == 1)
        try writer.remove("layer")
        let error = #expect(throws: LaminaError.self) { try source.chain }
        #expect(error?.description.hasPrefix("provider \"layer\": is not in the catalog") == true)
        try writer.undo()
        #expect(try source.chain.labels == ["layer", "held"])
        try old.waiting.close()
    }

    @Test("A layer that isn't required and can't be had is left out with its reason; a required one is refused")
    func absent() throws {
        try writer.write(Manifest(name: "lost", library: "none.so", kind: .layered, effect: .observe))
        let chain = try chain("lost:required=no", "never:required=no")
        #expect(chain.labels == ["held"])
        #expect(chain.absences.map(\.label) == ["lost", "never"])
        #expect(chain.warnings[0].hasPrefix("layer \"lost\" is left out: \(writer.directory.libraries)/none.so"))
        #expect(chain.warnings[0].contains("none.so: the library is missing"))
        for layer in ["lost", "lost:required=yes", "never"] {
            #expect(throws: LaminaError.self) { try self.chain(layer) }
        }
    }

    @Test("A quarantined library can't be used until it changes or is cleared; by its path it can")
    func quarantined() throws {
        let layer = try fixtures.library("layer")
        let copy = try writer.install(layer, probe: Self.probe)[0].library
        _ = try chain("layer")
        try writer.quarantine.add(
            Quarantine.Record(of: copy, names: ["layer"], signal: SIGSEGV, place: "in connect", program: "/bin/curl")
        )
        let reason = try catalog.entry(named: "layer").reason ?? ""
        #expect(
            reason.hasPrefix("provider \"layer\": is quarantined: it crashed /bin/curl with SIGSEGV in connect at 2")
        )
        #expect(reason.hasSuffix("try this one again: lamina clear layer"))
        #expect(throws: LaminaError.self) { try chain("layer") }
        #expect(try chain("layer:required=no").absences.count == 1)
        #expect(try chain(layer).labels == ["layer", "held"])
        let again = #expect(throws: LaminaError.self) { try writer.install(layer, probe: Self.probe) }
        #expect(again?.description.contains("lamina clear layer") == true)
        #expect(throws: LaminaError.self) { try writer.quarantine.clear("layr") }
        #expect(try writer.quarantine.clear("layer").map(\.file) == [copy])
        #expect(try chain("layer").labels == ["layer", "held"])
    }

    @Test("A changed file of an entry that isn't pinned is out of quarantine, and a touched one is not")
    func changed() throws {
        let path = "\(fixtures.directory.path)/unpinned.so"
        _ = try fixtures.library("layer", named: "unpinned")
        try fixtures.directory.manifest("layer", ["library": .string(path)])
        try writer.quarantine.add(
            Quarantine.Record(of: path, names: ["layer"], signal: SIGBUS, place: "", program: "test")
        )
        #expect(try !catalog.entry(named: "layer").isAvailable)
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        utimensat(AT_FDCWD, path, &times, 0)
        #expect(try !catalog.entry(named: "layer").isAvailable)
        unlink(path)
        _ = try fixtures.library("layer", "SENDS", named: "unpinned")
        #expect(try catalog.entry(named: "layer").isAvailable)
    }

    @Test("A plug-in whose probe crashes is quarantined, and installing it again says why at once")
    func crashingProbe() throws {
        let library = try fixtures.directory.plugin("CRASH_IN_STARTUP")
        let first = #expect(throws: LaminaError.self) {
            try writer.install(library, helper: CatalogInstallTests.helper, timeout: 60_000_000_000)
        }
        #expect(first?.cause.hasPrefix("crashed in lamina_startup with signal 7") == true)
        let record = try #require(writer.quarantine.records().records.first)
        #expect((record.names, record.file, record.signal) == (["plugin"], library, SIGBUS))
        let second = #expect(throws: LaminaError.self) { try writer.install(library, helper: ["/nonexistent"]) }
        #expect(second?.cause.contains("is quarantined: it crashed") == true)
        try writer.quarantine.clear(library)
        #expect(throws: LaminaError.self) {
            try writer.install(library, helper: CatalogInstallTests.helper, timeout: 60_000_000_000)
        }
        try fixtures.directory.plugin()
        #expect(
            try writer.install(library, helper: CatalogInstallTests.helper, timeout: 60_000_000_000).count == 1
        )
    }

    @Test("With LAMINA_DISABLE=1 every chain is its base alone, and says so; the layers' code isn't loaded")
    func disabled() async throws {
        let crashing = try fixtures.directory.plugin("CRASH_IN_CONSTRUCTOR")
        let held = try fixtures.library("held")
        let layer = try fixtures.library("layer")
        await #expect(processExitsWith: .success) {
            [crashing = crashing as String, held = held as String, layer = layer as String] in
            setenv("LAMINA_DISABLE", "1", 1)
            let base = LayerSpecification(name: held, label: "held")
            let chain = try Chain(
                layers: [LayerSpecification(name: crashing, label: "bad")],
                base: base,
                catalog: Catalog(directories: [])
            )
            precondition(chain.labels == ["held"])
            precondition(
                chain.warnings == [
                    "layer \"bad\" is left out: LAMINA_DISABLE=1: this process uses no layers; unset it"
                ]
            )
            let parts = try [layer, held].map {
                (layer: LayerSpecification(name: $0), provider: try Library.load($0).provider())
            }
            let alone = try Chain(parts).labels
            precondition(alone == ["held"])
            setenv("LAMINA_DISABLE", "0", 1)
            let both = try Chain(parts).labels
            precondition(both == ["layer", "held"])
        }
    }
}
