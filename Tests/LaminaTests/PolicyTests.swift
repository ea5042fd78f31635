import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Policies and what is chosen")
struct PolicyTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.plugin()
        for name in ["one", "two", "three", "four", "five"] { try directory.manifest(name) }
    }

    private func set(_ subject: String, _ layers: String..., in folder: String = "catalog.d") throws {
        let policy = Policy(try PolicySubject(parsing: subject), .layers(ChainDefinition(layers: layers)))
        try directory.writer(folder).write(policy, in: directory.catalog())
    }

    private func choice(
        _ program: ProgramIdentity,
        _ request: ChainSelection.Request = .init(),
        _ folders: String...
    ) throws -> [String] {
        var request = request
        if request.environment == nil { request.environment = "" }
        let folders = folders.isEmpty ? ["catalog.d"] : folders
        let catalog = Catalog(directories: folders.map { CatalogDirectory("\(directory.path)/\($0)") })
        return try ChainSelection(request, for: program, in: catalog).layers().layers.map(\.label)
    }

    private func program(
        _ path: String = "/usr/bin/tool",
        name: String? = nil,
        unit: String? = nil,
        service: Bool = false,
        user: UInt32 = 1000
    ) -> ProgramIdentity {
        ProgramIdentity(name: name, paths: [path], unit: unit, isSystemService: service, user: user)
    }

    @Test("The first place that says anything decides alone: layers, chain, environment, policy, the bare base")
    func precedence() throws {
        try directory.writer().write(
            try NamedChain("web", ChainDefinition(layers: ["two"])),
            in: directory.catalog()
        )
        try set("path:/usr/bin/tool", "four")
        let given = [try LayerSpecification(parsing: "one")]
        for layers in [[], given] {
            for chain in [nil, "web"] {
                for environment in ["", "three five"] {
                    for path in ["/usr/bin/tool", "/usr/bin/other"] {
                        var request = ChainSelection.Request(layers: layers, chain: chain)
                        request.environment = environment
                        let expected =
                            !layers.isEmpty
                            ? ["one"]
                            : chain != nil
                                ? ["two"]
                                : !environment.isEmpty ? ["three", "five"] : path.hasSuffix("tool") ? ["four"] : []
                        #expect(try choice(program(path), request) == expected, "\(request) \(path)")
                    }
                }
            }
        }
    }

    @Test("Of the policies that name a program the most specific decides alone")
    func specificity() throws {
        try set("user:1000", "one")
        try set("unit:app.service", "two")
        try set("path:/opt/app-*/bin/*", "three")
        try set("path:/opt/app-2*/bin/server", "four")
        let server = "/opt/app-2.1/bin/server"
        #expect(try choice(program()) == ["one"])
        #expect(try choice(program(unit: "app.service")) == ["two"])
        #expect(try choice(program("/opt/app-1.0/bin/server", unit: "app.service")) == ["three"])
        #expect(try choice(program(server, unit: "app.service")) == ["four"])
        try set("path:\(server)", "five")
        #expect(try choice(program(server, unit: "app.service")) == ["five"])
        try set("name:mine")
        #expect(try choice(program(server, name: "mine", unit: "app.service")) == [])
        #expect(try choice(program(server, name: "other")) == ["five"])
        #expect(try choice(program(user: 1001)) == [])
    }

    @Test(
        "A policy in a later directory counts in the place of an earlier one for the same subject, and for that alone"
    )
    func directories() throws {
        try set("path:/usr/bin/tool", "one", in: "package")
        try set("path:/usr/bin/tool", "two", in: "system")
        try set("user:1000", "three", in: "user")
        #expect(try choice(program(), .init(), "package", "system", "user") == ["two"])
        #expect(try choice(program(), .init(), "system", "package") == ["one"])
        try set("path:/usr/bin/tool", in: "user")
        #expect(try choice(program(), .init(), "package", "system", "user") == [])
    }

    @Test(
        "A star stands for what a directory's version may be, and never for a slash",
        arguments: [
            ("/opt/app-*/bin/server", "/opt/app-1.2/bin/server", true), ("/opt/*/server", "/opt/a/b/server", false),
            ("/opt/app-*/bin/server", "/opt/app-/bin/server", true), ("/opt/a*b*c", "/opt/axxbyyc", true),
            ("/opt/a*b*c", "/opt/axxcyyb", false), ("/usr/bin/*", "/usr/bin/tool", true),
            ("/usr/bin/*", "/usr/bin/sub/tool", false), ("/opt/a?", "/opt/ab", false), ("/opt/*.x", "/opt/y.x.x", true),
        ]
    )
    func patterns(pattern: String, path: String, fits: Bool) throws {
        #expect(try PolicySubject(parsing: "path:\(pattern)").names(program(path)) == fits)
    }

    @Test("An updated executable and one behind a link keep their policy")
    func updates() throws {
        let target = try directory.write("", to: "app-1/tool")
        let link = "\(directory.path)/tool"
        symlink(target, link)
        symlink("app-1", "\(directory.path)/current-a")
        let running = ProgramIdentity(paths: ["\(target) (deleted)"], user: 0)
        #expect(running.paths == [target])
        for subject in [target, link, "\(directory.path)/app-*/tool", "\(directory.path)/current-*/tool"] {
            #expect(try PolicySubject(parsing: "path:\(subject)").names(running), "\(subject)")
        }
        #expect(ProgramIdentity.ofProgram(at: link).paths == [link, target])
    }

    @Test("A system service is reached by its unit or its path, never through its user")
    func services() throws {
        let service = program(unit: "ssh.service", service: true, user: 0)
        #expect(try PolicySubject(parsing: "user:root").names(service) == false)
        #expect(try PolicySubject(parsing: "user:root").names(program(user: 0)))
        #expect(try PolicySubject(parsing: "user:0").names(program(user: 0)))
        #expect(try PolicySubject(parsing: "unit:ssh").names(service))
        #expect(try PolicySubject(parsing: "path:/usr/bin/tool").names(service))
        let instance = program(unit: "getty@tty1.service", service: true)
        #expect(try PolicySubject(parsing: "unit:getty@.service").names(instance))
        #expect(try PolicySubject(parsing: "unit:gett@.service").names(instance) == false)
    }

    @Test(
        "The unit is told from the control group",
        arguments: [
            ("0::/system.slice/nginx.service\n", "nginx.service", true),
            ("0::/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", true),
            ("0::/system.slice/docker.service/payload", "docker.service", true),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/mail.service", "mail.service", false),
            ("0::/user.slice/user-1000.slice/session-2.scope", "session-2.scope", false),
            ("1:name=systemd:/system.slice/cron.service\n0::/\n", "", false),
            ("2:cpu:/a.service\n1:name=systemd:/system.slice/cron.service\n", "cron.service", true),
            ("0::/", "", false), ("", "", false), ("0::/../..", "", false),
        ]
    )
    func units(text: String, unit: String, service: Bool) {
        let group = ControlGroup(reading: text)
        #expect(group?.unit ?? "" == unit)
        #expect(group?.isSystemService ?? false == service)
    }

    @Test("A policy that is set again is replaced, set twice is the same, and removed is gone")
    func idempotent() throws {
        try set("path:/usr/bin/tool", "one")
        let policy = try directory.catalog().policy(for: .path("/usr/bin/tool"))
        let first = try readAll(policy.file)
        try set("/usr/bin//tool", "one")
        #expect(try readAll(policy.file) == first)
        try set("path:/usr/bin/tool", "two", "three")
        #expect(directory.catalog().policies().items.count == 1)
        #expect(try choice(program()) == ["two", "three"])
        try directory.writer().remove(policy: policy.subject, in: directory.catalog())
        #expect(access(policy.file, F_OK) != 0)
        #expect(throws: LaminaError.self) {
            try directory.writer().remove(policy: policy.subject, in: directory.catalog())
        }
    }

    @Test("A policy written by hand is replaced in its own file")
    func byHand() throws {
        let file = try directory.write(
            #"{"format": 1, "subject": "name:mine", "layers": ["one"]}"#,
            to: "catalog.d/policies/hand.json"
        )
        #expect(try choice(program(name: "mine")) == ["one"])
        try set("name:mine", "two")
        #expect(directory.catalog().policies().items.map(\.file) == [file])
        #expect(try choice(program(name: "mine")) == ["two"])
    }

    @Test(
        "A subject that can't be one is refused with what to write",
        arguments: [
            ("curl", "write name:curl, path:/curl, unit:curl or user:curl"), ("pth:/a", "did you mean \"path:/a\"?"),
            ("path:bin/a", "is no whole path"), ("path:/a/../b", "without . and .."),
            ("path:/a/", "is no executable's path"),
            ("name:", "names nothing"), ("name:a b", "is no name"), ("unit:a/b", "is no unit's name"),
            ("unit:ssh.socket", "a socket runs no program; name the service that it starts"),
            ("zzzz:a", "write name:, path:"),
        ]
    )
    func subjects(text: String, part: String) {
        let error = #expect(throws: LaminaError.self) { try PolicySubject(parsing: text) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }

    @Test("A policy is checked when it is set, and one for nobody known is refused by its file")
    func refuses() throws {
        let catalog = directory.catalog()
        let error = #expect(throws: LaminaError.self) {
            try directory.writer().write(Policy(.name("a"), .chain("web")), in: catalog)
        }
        #expect(error?.description.contains("chain \"web\": is not in the catalog") == true)
        #expect(throws: LaminaError.self) { try set("name:a", "on") }
        #expect(catalog.policies().items.isEmpty)
    }

    @Test("A broken policy fails the programs that it names, and nobody else")
    func broken() throws {
        try directory.write(#"{"format": 1, "subject": "name:mine", "lyers": []}"#, to: "catalog.d/policies/a.json")
        try directory.write(#"{"format": 1, "subject": "name:web", "chain": "web"}"#, to: "catalog.d/policies/b.json")
        try directory.write("{", to: "catalog.d/policies/c.json")
        func message(_ name: String) -> String {
            let error = #expect(throws: LaminaError.self) { try choice(program(name: name)) }
            return error?.description ?? ""
        }
        #expect(message("mine").contains("policies/a.json: key \"lyers\": is unknown"))
        #expect(message("web").contains("names the chain \"web\", which is not in the catalog; lamina chain add web"))
        #expect(try choice(program(name: "other")) == [])
        let problems = directory.catalog().policies().problems
        #expect(problems.count == 1 && problems[0].description.contains("policies/c.json:1:2"))
    }

    @Test("A program that uses the API gets what its policy says")
    func ofProgram() async throws {
        try directory.plugins("Kernel", "Count", in: "real")
        await #expect(processExitsWith: .success) { [path = directory.path as String] in
            unsetenv("LAMINA_LAYERS")
            let own = CatalogDirectory("\(path)/real")
            let executable = try #require(OriginStorage.executablePath(of: getpid()))
            let catalog = Catalog(directories: [own])
            let bare = try Chain.ofProgram(catalog: catalog).labels
            precondition(bare == ["kernel"])
            let folder = executable[..<(executable.lastIndex(of: "/") ?? executable.endIndex)]
            let policy = Policy(
                try PolicySubject(parsing: "path:\(folder)/*"),
                .layers(ChainDefinition(layers: ["count=mine"]))
            )
            try CatalogWriter(own).write(policy, in: catalog)
            let changed = Catalog(directories: [own])
            let policed = try Chain.ofProgram(catalog: changed).labels
            precondition(policed == ["mine", "kernel"])
            setenv("LAMINA_LAYERS", "count=a count=b", 1)
            let named = try Chain.ofProgram(catalog: changed).labels
            precondition(named == ["a", "b", "kernel"])
        }
    }
}
