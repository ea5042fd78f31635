import Glibc
import TestSupport
import Testing

@Suite("Processes that are not of the run")
struct StrangerTests {
    @Test("One that connects to the worker is reset, and one that asks it without the run's secret is not answered")
    func strangers() throws {
        let silent = try SilentPort(refuses: false)
        let waiting = try silent.dials
        let client = "\(HostFixtures.client) connect 127.0.0.1 \(silent.port)"
        let script = "echo $LAMINA_RUN; exec \(client)"
        let child = try HostFixtures.start([HostFixtures.passing], ["/bin/sh", "-c", script])
        let run = try child.firstLine().split(separator: ",").map(String.init)
        // From now on the worker expects the program.
        while try silent.dials == waiting { sched_yield() }
        let ending = try Child.run([HostFixtures.client, "stranger", run[2], run[0]])
        #expect(ending.lines == ["connect 0 -1 \(ECONNRESET)", "ask 0 0"])
        silent.stop()
        #expect(child.end().lines.last == "connect \(ECONNREFUSED)")
    }
}
