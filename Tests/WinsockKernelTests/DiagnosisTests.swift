import TestSupport
import Testing

@Suite struct DiagnosisTests {
    private let programs: DriverPrograms

    init() throws {
        programs = try DriverPrograms()
    }

    @Test("Forced failures of allocations come in their share, the same ones for the same seed")
    func failures() throws {
        let program = [try programs.compile("force.c")]
        let first = try programs.run(program, "LAMINA_WSK_FORCE=alloc=2%,seed=7")
        #expect((60...180).contains(first.lines.count), "\(first.lines.count)")
        #expect(first.output.contains("pool") && first.output.contains("irp"))
        #expect(try programs.run(program, "LAMINA_WSK_FORCE=alloc=2%,seed=7").output == first.output)
        #expect(try programs.run(program, "LAMINA_WSK_FORCE=alloc=2%,seed=8").output != first.output)
        #expect(try programs.run(program).output.isEmpty)
        let wrong = try programs.run(program, "LAMINA_WSK_FORCE=alloc=2")
        #expect(wrong.errors.contains("lamina: wsk: LAMINA_WSK_FORCE: \"alloc=2\" means nothing"), "\(wrong.errors)")
    }

    @Test(
        "A sanitizer reports a driver's own bugs",
        arguments: [
            ("address", "use", "heap-use-after-free"), ("address", "overflow", "heap-buffer-overflow"),
            ("thread", "race", "data race"),
        ]
    )
    func bugs(sanitizer: String, bug: String, report: String) throws {
        let program = try programs.compile("seeded.c", "-fsanitize=\(sanitizer)")
        let ending = try programs.run([program, bug])
        #expect(ending.code != 0 && ending.errors.contains(report), "\(ending.errors)")
        #expect(ending.errors.lines(beginningWith: "SUMMARY:") == 1, "\(ending.errors)")
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func lines(beginningWith text: String) -> Int {
        split(separator: "\n").count { $0.hasPrefix(text) }
    }
}
