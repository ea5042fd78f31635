import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Changes of the catalog")
struct CatalogMonitorTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    @Test("A manifest that comes or goes is heard of, also in a directory that didn't exist, and makes another catalog")
    func changes() throws {
        let empty = directory.catalog("later/catalog.d")
        let monitor = try CatalogMonitor(empty.directories)
        #expect(!monitor.hasChanged())
        #expect(!monitor.wait(deadline: Deadline.after(milliseconds: 10)))
        let late = #expect(throws: LaminaError.self) {
            try empty.changed(deadline: Deadline.after(milliseconds: 10))
        }
        #expect(late?.code == .timedOut)
        let file = try directory.manifest("one", in: "later/catalog.d")
        #expect(monitor.wait(deadline: Deadline.after(seconds: 20)))
        let full = try empty.changed(deadline: Deadline.after(seconds: 20))
        #expect(full.entries.map(\.name) == ["one"])
        _ = monitor.hasChanged()
        unlink(file)
        #expect(monitor.wait(deadline: Deadline.after(seconds: 20)))
        #expect(try full.changed(deadline: Deadline.after(seconds: 20)).entries.isEmpty)
    }
}
