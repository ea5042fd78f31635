import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Writers that are killed, and disks that fail", .serialized)
struct CatalogCrashTests {
    let directory: TemporaryDirectory

    init() throws {
        // Thousands of changes, each with a dozen fsyncs.
        directory = try TemporaryDirectory(inMemory: true)
        try directory.plugin()
    }

    static let driver = "\(PackageTree.products)/CatalogDriver"

    var subject: CatalogSubject { CatalogSubject(root: directory.path) }
    var writer: CatalogWriter { subject.writer }
    var catalogDirectory: CatalogDirectory { subject.directory }

    func drive(_ numbers: [Int], fault: String? = nil, library: String = "") throws -> Child.Ending {
        let environment = fault.map { ["LD_PRELOAD=\(library)", "LAMINA_FAULT=\($0)"] } ?? []
        return try Child.run(
            [Self.driver, "change", directory.path] + numbers.map(String.init),
            environment: environment
        )
    }

    /// What is no part of a catalog at rest: hidden files, copies that nobody needs, the mark of a writer at work.
    func leftOvers() throws -> [String] {
        var status = stat()
        let isMarked = stat("\(catalogDirectory.path)/.lock", &status) == 0 && status.st_size > 0
        let found = isMarked ? ["the lock's mark"] : []
        let doctor = Doctor.examine(Catalog(directories: [catalogDirectory], quarantine: Quarantine(path: nil)))
        return found + doctor.filter { ["D17", "D18"].contains($0.rule.number) }.map(\.explanation)
    }

    /// Gets the catalog to where the injected change starts.
    func reset(_ numbers: [Int]) throws {
        _ = try Child.run(["rm", "-rf", catalogDirectory.path, catalogDirectory.libraries])
        for number in numbers { try subject.change(number) }
    }

    /// A change of each kind, and what was there before: install, update, remove, reorder.
    static let changes: [(before: [Int], change: Int)] = [([], 0), ([0], 64), ([0, 49], 32), ([0, 49], 50)]

    @Test(
        "Killed at any of its system calls, a change has been made or not, and the next writer goes on",
        arguments: changes.indices
    )
    func killed(kind: Int) throws {
        let (before, change) = Self.changes[kind]
        let library = try faults()
        try reset(before)
        let old = subject.contents()
        try subject.change(change)
        let new = subject.contents()
        #expect(old != new)
        var kills = 0
        var seen: Set<Bool> = []
        for call in 1...200 {
            try reset(before)
            let ending = try drive([change], fault: "kill:\(call)", library: library)
            let now = subject.contents()
            if ending.code == 0 {
                #expect(now == new)
                break
            }
            #expect(ending.signal == SIGKILL, "\(ending.output)")
            kills += 1
            #expect(now == old || now == new, "killed at call \(call)")
            // A change that was reported is there.
            if ending.lines == ["made"] { #expect(now == new) }
            seen.insert(now == new)
            try subject.change(48)
            try expectNothingLeft("killed at call \(call)")
        }
        #expect((10..<200).contains(kills))
        #expect(seen == [false, true])
    }

    @Test(
        "With a full disk or a failing fsync at any point a change fails and leaves nothing, or is made",
        arguments: ["enospc", "eio"]
    )
    func failing(fault: String) throws {
        let library = try faults()
        for (before, change) in Self.changes {
            try reset(before)
            let old = subject.contents()
            try subject.change(change)
            let new = subject.contents()
            var (failures, successes) = (0, 0)
            for call in 1...200 {
                try reset(before)
                let ending = try drive([change], fault: "\(fault):\(call)", library: library)
                let now = subject.contents()
                if ending.code != 0 {
                    (failures, successes) = (failures + 1, 0)
                    #expect(now == old, "\(fault) \(call)")
                    let cause = fault == "eio" ? "Input/output error" : "No space left on device"
                    #expect(ending.output.contains(cause), "\(ending.output)")
                    try expectNothingLeft("\(fault) \(call)")
                } else {
                    successes += 1
                    #expect(now == new, "\(fault) \(call)")
                }
                try subject.change(48)
                try expectNothingLeft("\(fault) \(call), then another change")
                // What fails after the change's record is made good by the next writer; then nothing fails any more.
                if successes == 8 { break }
            }
            #expect(failures >= 3, "\(fault)")
        }
    }

    @Test("On a disk that is really full nothing changes, and once there is room everything does")
    func full() throws {
        let script = """
            set -e
            mount -t tmpfs -o size=256k none \(directory.path)/disk
            cp \(directory.path)/plugin.so \(directory.path)/disk/
            \(Self.driver) change \(directory.path)/disk 48
            cat /dev/zero > \(directory.path)/disk/filler 2>/dev/null || true
            if \(Self.driver) change \(directory.path)/disk 50; then exit 3; fi
            find \(directory.path)/disk -name '.*.new' | grep -q . && exit 4
            rm \(directory.path)/disk/filler
            \(Self.driver) change \(directory.path)/disk 50
            """
        mkdir("\(directory.path)/disk", 0o755)
        let ending = try Child.run(["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script])
        if ending.code == 1, ending.errors.contains("unshare") || ending.errors.contains("mount") {
            print("skipped: no file system can be mounted here: \(ending.errors)")
            return
        }
        #expect(ending.code == 0, "\(ending.output) \(ending.errors)")
        #expect(ending.lines.filter { $0 == "made" }.count == 2)
        #expect(ending.output.contains("No space left on device"))
    }

    /// `LAMINA_TEST_CHANGES` makes it longer.
    static let wanted = getenv("LAMINA_TEST_CHANGES").flatMap { Int(String(cString: $0)) } ?? 2000

    @Test("Four writers killed at random, again and again: readers see every change whole, and nothing is left")
    func storm() throws {
        var random = Damage(state: UInt64(getpid()))
        func worker() throws -> Child {
            try Child([Self.driver, "work", directory.path, "\(random.next(below: 1 << 30))"])
        }
        let readers = try (0..<2).map { _ in try Child([Self.driver, "read", directory.path]) }
        for reader in readers { _ = try reader.firstLine() }
        var workers = try (0..<4).map { _ in try worker() }
        var kills = 0
        while try generation() < Self.wanted {
            poll(nil, 0, Int32(5 + random.next(below: 60)))
            let victim = random.next(below: workers.count)
            kill(workers[victim].process, SIGKILL)
            let ending = workers[victim].end()
            #expect(ending.signal == SIGKILL, "\(ending.output)")
            if ending.signal != SIGKILL { break }
            kills += 1
            workers[victim] = try worker()
        }
        for worker in workers {
            kill(worker.process, SIGKILL)
            _ = worker.end()
        }
        for reader in readers {
            kill(reader.process, SIGKILL)
            let ending = reader.end()
            #expect(ending.signal == SIGKILL, "\(ending.output)")
            #expect(ending.lines == ["reading"])
        }
        #expect(kills >= 20)
        try writer.recover()
        try expectNothingLeft("at the end")
        try checkHistory()
    }

    private func expectNothingLeft(_ place: String) throws {
        let left = try leftOvers()
        #expect(left.isEmpty, "\(place): \(left)")
    }

    private func generation() throws -> Int {
        Catalog(directories: [catalogDirectory]).generation[catalogDirectory.path]
    }

    /// Each record found what the one before it had left, and the last ones tell what is there.
    private func checkHistory() throws {
        let (records, problems) = try writer.log()
        #expect(problems.isEmpty)
        #expect(records.count == 100)
        var last: [String: String?] = [:]
        for (index, record) in records.reversed().enumerated() {
            #expect(record.generation == (records.last?.generation ?? 0) + index)
            for file in record.files {
                if let before = last[file.path] { #expect(before == file.before, "change \(record.generation)") }
                last.updateValue(file.after, forKey: file.path)
            }
        }
        for (path, text) in last {
            let there = try? readAll("\(catalogDirectory.path)/\(path)")
            #expect(there.map { String(decoding: $0, as: UTF8.self) } == text, "\(path)")
        }
    }

    /// The library that makes system calls fail.
    private func faults() throws -> String {
        let library = "\(directory.path)/faults.so"
        let source = "\(PackageTree.root)/Tests/Fixtures/catalog/faults.c"
        let ending = try Child.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", library, source, "-ldl"])
        try #require(ending.code == 0, "\(ending.errors)")
        return library
    }
}
