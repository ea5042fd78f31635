import CLinux
import Glibc
import Lamina
import LaminaHost
import TestSupport
import Testing

/// What a call throws, as a line.
private func refusal(_ body: () throws -> Void) -> String {
    #expect(throws: LaminaError.self, performing: body)?.description ?? ""
}

@Suite("The control of a run")
struct ControlTests {
    @Test("A setting changes on an open pumped socket, and who asked is told on how many")
    func set() throws {
        let scene = try ControlScene([HostFixtures.letter])
        #expect(scene.exchange("12345") == "xxxxx")
        let run = try scene.run()
        let count = try run.set("letter", ["letter=b"])
        #expect(count == 1)
        #expect(scene.exchange("12345") == "bbbbb")
        // A provider's refusal leaves the value.
        let refused = refusal { _ = try run.set("letter", ["letter=7"]) }
        #expect(refused.contains("a letter from a to z"), "\(refused)")
        #expect(scene.exchange("12345") == "bbbbb")
        #expect(scene.end() == 0)
    }

    @Test("A layer is switched off and on for an open socket, and for new ones")
    func switching() throws {
        let scene = try ControlScene(["\(HostFixtures.trace):data=text"])
        let run = try scene.run()
        #expect(scene.exchange("first") == "first")
        try scene.child.awaitError("\"first\\n\"")
        let off = try run.setLayer("trace", isOn: false)
        #expect(off.changed == 1)
        #expect(scene.exchange("second") == "second")
        scene.child.write("again\n")
        try scene.child.await("connected again")
        #expect(scene.exchange("third") == "third")
        let on = try run.setLayer("trace", isOn: true)
        #expect(on.changed == 1 || on.changed == 2)
        #expect(scene.exchange("fourth") == "fourth")
        let ending = scene.finish()
        // Both directions at once, though a receive was pending each time.
        #expect(ending.errors.split(separator: "\n").filter { $0.contains("fourth") }.count == 2, "\(ending.errors)")
        #expect(!ending.errors.contains("second") && !ending.errors.contains("third"), "\(ending.errors)")
    }

    @Test("A run whose worker is gone is listed with that, and says so when it is to be changed")
    func workerless() throws {
        let scene = try ControlScene([HostFixtures.letter])
        let run = try scene.run()
        kill(try scene.child.worker(), SIGSEGV)
        try scene.child.awaitError("new ones are refused")
        let status = try run.status()
        #expect(status.name == "bash" && status.problem == "the worker is gone" && status.layers.isEmpty)
        let refused = refusal { _ = try run.set("letter", ["letter=b"]) }
        #expect(refused == "run \"bash\": the worker: is gone", "\(refused)")
        #expect(scene.end() == 0)
    }

    @Test("What trace shows of data changes while a connection is open")
    func trace() throws {
        let scene = try ControlScene([HostFixtures.trace])
        let run = try scene.run()
        #expect(scene.exchange("first") == "first")
        #expect(try run.set("trace", ["data=text", "bytes=3"]) == 1)
        #expect(scene.exchange("second") == "second")
        #expect(try run.set("trace", ["data=none"]) == 1)
        #expect(scene.exchange("third") == "third")
        let large = refusal { _ = try run.set("trace", ["data=hex", "bytes=1m"]) }
        #expect(large.contains("layer \"trace\": bytes: is more than 64k; give less"), "\(large)")
        let ending = scene.finish()
        #expect(ending.errors.contains("\"sec\"...") && !ending.errors.contains("fir"), "\(ending.errors)")
        #expect(ending.errors.split(separator: "\n").filter { $0.contains(" send ") }.count >= 3, "\(ending.errors)")
    }

    @Test("A layer that transforms stays on sockets that are open, and new ones go without it")
    func transforming() throws {
        let scene = try ControlScene([HostFixtures.letter])
        let run = try scene.run()
        #expect(scene.exchange("12345") == "xxxxx")
        let off = try run.setLayer("letter", isOn: false)
        #expect(off.changed == 0 && off.kept == 1)
        #expect(scene.exchange("12345") == "xxxxx")
        scene.child.write("again\n")
        try scene.child.await("connected again")
        #expect(scene.exchange("12345") == "12345")
        #expect(scene.end() == 0)
    }

    @Test("What is wrong is said with the run, the layer, the key, and what there is")
    func mistakes() throws {
        let scene = try ControlScene([HostFixtures.letter])
        let run = try scene.run()
        let layer = refusal { _ = try run.set("leter", ["letter=b"]) }
        #expect(layer.contains(run.name) && layer.contains("did you mean \"letter\"?"), "\(layer)")
        let key = refusal { _ = try run.set("letter", ["lettr=b"]) }
        #expect(key.contains("has no setting \"lettr\"; did you mean \"letter\"?"), "\(key)")
        let fixed = refusal { _ = try run.set("letter", ["fixed=yes"]) }
        #expect(fixed.contains("can't change") && fixed.contains("letter"), "\(fixed)")
        let base = refusal { _ = try run.setLayer("libLaminaKernel", isOn: false) }
        let known = refusal { _ = try run.setLayer("kernel", isOn: false) }
        #expect(base.contains("none of the run's") && known.contains("base"), "\(base) \(known)")
        let name = refusal { _ = try RunHandle(named: "bush", in: scene.runDirectory) }
        #expect(name.contains("run \"bush\": there is none; did you mean \"bash\"?"), "\(name)")
        #expect(scene.end() == 0)
    }

    @Test("A child says lines to LAMINA_CONTROL and gets a line for each")
    func lines() throws {
        let script = """
            import json, os, socket
            control = socket.socket(socket.AF_UNIX)
            control.connect(os.environ["LAMINA_CONTROL"])
            lines = control.makefile("rw")
            def ask(text):
                lines.write(text + "\\n"); lines.flush()
                return json.loads(lines.readline())
            print(ask('{"command": "set", "layer": "letter", "settings": {"letter": "q"}, "id": 7}'))
            print(ask('{"command": "off", "layer": "letter"}')["ok"])
            status = ask('{"version": 1, "command": "list"}')["run"]
            print(status["layers"][0]["on"], status["layers"][0]["settings"]["letter"], status["sockets"]["open"])
            print(ask('{"command": "lst"}')["error"]["message"])
            print(ask('{"version": 2, "command": "list"}')["error"]["message"])
            print(ask('nonsense')["ok"])
            print(ask('{"command": "watch", "interval": 0.05}')["ok"], *[json.loads(lines.readline())["event"] for _ in range(2)])
            """
        let directory = try TemporaryDirectory()
        let ending = try HostFixtures.run(
            [HostFixtures.letter],
            ["sh", "-c", "python3 -c \"$1\"", "sh", script],
            environment: ["XDG_RUNTIME_DIR=\(directory.path)"]
        )
        #expect(
            ending.lines == [
                "{'version': 1, 'ok': True, 'sockets': 0, 'id': 7}", "True", "False q 0",
                "command \"lst\": is none; did you mean \"list\"?", "version: 2 is not spoken here; version 1 is",
                "False", "True list list",
            ],
            "\(ending.output) \(ending.errors)"
        )
    }

    @Test("All runs are listed, and nothing of one stays behind")
    func listing() throws {
        let directory = try TemporaryDirectory()
        let scenes = try (0..<2).map { _ in try ControlScene([HostFixtures.letter], in: directory) }
        for scene in scenes { #expect(scene.exchange("12345") == "xxxxx") }
        let runs = try ControlScene.statuses(in: directory)
        #expect(runs.map(\.name) == ["bash", "bash-2"])
        #expect(runs.allSatisfy { $0.openSockets == 1 && $0.sent > 0 && $0.received > 0 })
        #expect(Set(runs.map(\.process)).count == 2)
        #expect(runs[0].layers.map(\.label) == ["letter", "kernel"])
        for scene in scenes { #expect(scene.end() == 0) }
        #expect(try ControlScene.files(in: directory) == [])
    }

    @Test("The socket of a supervisor that was killed is recognised and removed")
    func stale() throws {
        let directory = try TemporaryDirectory()
        let scene = try ControlScene([HostFixtures.letter], in: directory)
        #expect(scene.exchange("12345") == "xxxxx")
        #expect(try ControlScene.files(in: directory) == ["bash.sock"])
        _ = scene.child.killed()
        #expect(try ControlScene.files(in: directory) == ["bash.sock"])
        // A new run takes the name, and a list removes what nobody serves.
        let next = try ControlScene([HostFixtures.letter], in: directory)
        #expect(try ControlScene.statuses(in: directory).map(\.name) == ["bash"])
        _ = next.child.killed()
        #expect(try ControlScene.statuses(in: directory).isEmpty)
        #expect(try ControlScene.files(in: directory) == [])
    }

    @Test("A worker that takes another's place has what was changed")
    func successor() throws {
        let scene = try ControlScene([HostFixtures.letter])
        let run = try scene.run()
        #expect(try run.set("letter", ["letter=b"]) == 1)
        kill(try scene.child.worker(), SIGKILL)
        try scene.child.awaitError("another has taken its place")
        scene.child.write("again\n")
        try scene.child.await("connected again")
        #expect(scene.exchange("12345") == "bbbbb")
        #expect(scene.end() == 0)
    }
}
