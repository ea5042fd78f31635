import Glibc
import Lamina
import TestSupport
import Testing

@Suite("Systemd units")
struct SystemdUnitTests {
    let root: TemporaryDirectory

    init() throws {
        root = try TemporaryDirectory()
    }

    /// The lines of the drop-in that aren't comments.
    private func lines(_ unit: String) -> [String] {
        SystemdUnit(unit, root: root.path).dropIn(command: "/usr/bin/lamina").split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    @Test("The drop-in resets the command and starts it through lamina run")
    func plain() throws {
        try root.write(
            "[Unit]\nExecStart=/no\n[Service]\nType=simple\nExecStart=/usr/sbin/web -g 'daemon off;' --at %i ${X}\n",
            to: "usr/lib/systemd/system/web.service"
        )
        #expect(
            lines("web.service") == [
                "[Service]", "ExecStart=",
                "ExecStart=/usr/bin/lamina run --name web.service -- /usr/sbin/web -g 'daemon off;' --at %i ${X}",
            ]
        )
        let unit = SystemdUnit("web.service", root: root.path)
        #expect(unit.dropInPath == "/etc/systemd/system/web.service.d/lamina.conf")
        #expect(
            unit.instructions(command: "lamina").contains("systemctl daemon-reload && systemctl restart web.service")
        )
    }

    @Test("Lines go on after a backslash, comments between them are none, and prefixes stand before Lamina's command")
    func lineForms() throws {
        try root.write(
            """
            # a comment
            [Service]
              ExecStart = -+/usr/sbin/web \\
            # between
            ; and again
                --one \\
                --two
            ExecStart=@/usr/sbin/other own-name --three
            ExecStart=!!/usr/sbin/third
            ExecStart=:/usr/sbin/fourth $X
            Type=oneshot
            """,
            to: "lib/systemd/system/web.service"
        )
        let run = "/usr/bin/lamina run --name web.service --"
        #expect(
            lines("web.service") == [
                "[Service]", "ExecStart=", "ExecStart=-+\(run) /usr/sbin/web --one --two",
                "ExecStart=\(run) /usr/sbin/other --three", "ExecStart=!!\(run) /usr/sbin/third",
                "ExecStart=:\(run) /usr/sbin/fourth $X",
            ]
        )
        let text = SystemdUnit("web.service", root: root.path).dropIn(command: "lamina")
        #expect(text.contains("calls the program \"own-name\""))
    }

    @Test("The most important folder's unit counts, with every drop-in by name, but for Lamina's own")
    func folders() throws {
        try root.write("[Service]\nExecStart=/old\n", to: "usr/lib/systemd/system/web.service")
        try root.write("[Service]\nExecStart=/new\n", to: "etc/systemd/system/web.service")
        #expect(SystemdUnit("web.service", root: root.path).commands == ["/new"])
        try root.write("[Service]\nExecStart=\nExecStart=/run\n", to: "run/systemd/system/web.service.d/20-run.conf")
        try root.write(
            "[Service]\nExecStart=\nExecStart=/lib\n",
            to: "usr/lib/systemd/system/web.service.d/10-lib.conf"
        )
        #expect(SystemdUnit("web.service", root: root.path).commands == ["/run"])
        // The same name in a more important folder hides the other.
        try root.write("[Service]\nExecStart=\nExecStart=/etc\n", to: "etc/systemd/system/web.service.d/20-run.conf")
        try root.write("[Service]\nExecStart=\nExecStart=/lamina\n", to: "etc/systemd/system/web.service.d/lamina.conf")
        #expect(SystemdUnit("web.service", root: root.path).commands == ["/etc"])
        try root.write("[Service]\nExecStart=/more\n", to: "etc/systemd/system/service.d/90-all.conf")
        #expect(SystemdUnit("web.service", root: root.path).commands == ["/etc", "/more"])
    }

    @Test("An instance has its template's command, and a name with dashes the drop-ins of its beginnings")
    func templates() throws {
        try root.write("[Service]\nExecStart=/app %i\n", to: "etc/systemd/system/app@.service")
        #expect(SystemdUnit("app@one.service", root: root.path).commands == ["/app %i"])
        try root.write("[Service]\nExecStart=/a\n", to: "etc/systemd/system/a-b-c.service")
        try root.write("[Service]\nType=notify\n", to: "etc/systemd/system/a-.service.d/x.conf")
        let unit = SystemdUnit("a-b-c.service", root: root.path)
        #expect(unit.type == "notify")
        #expect(unit.dropIn(command: "lamina").contains("\nNotifyAccess=all\n"))
    }

    @Test("A unit that isn't there, is masked or has no command gives a template that says so")
    func missing() throws {
        let text = SystemdUnit("none.service", root: root.path).dropIn(command: "lamina")
        #expect(text.contains("# The unit was not found"))
        #expect(text.hasSuffix("ExecStart=lamina run --name none.service -- PROGRAM ARGUMENTS\n"))
        try root.write("[Service]\nType=forking\n", to: "etc/systemd/system/empty.service")
        let empty = SystemdUnit("empty.service", root: root.path).dropIn(command: "lamina")
        #expect(empty.contains("has no ExecStart=") && empty.contains("stay in the foreground"))
        symlink("/dev/null", "\(root.path)/etc/systemd/system/masked.service")
        let masked = SystemdUnit("masked.service", root: root.path)
        #expect(masked.isMasked && masked.dropIn(command: "lamina").contains("systemctl unmask masked.service"))
    }
}
