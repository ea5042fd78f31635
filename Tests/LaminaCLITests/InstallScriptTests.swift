import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The installed tree", .serialized)
struct InstallScriptTests {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func install(_ arguments: String...) throws -> Child.Ending {
        // A package for a test need not be small.
        try Child.run(
            ["\(PackageTree.root)/install.sh", "--no-build"] + arguments,
            environment: ["DPKG_DEB_COMPRESSOR_TYPE=gzip", "DPKG_DEB_COMPRESSOR_LEVEL=1", "GZIP=-1"]
        )
    }

    private func files(below path: String) throws -> Set<String> {
        Set(try Child.run(["find", path, "!", "-type", "d", "-printf", "%P\n"]).lines)
    }

    @Test("Removing takes away what installing brought, and nothing else")
    func removes() throws {
        let prefix = "\(directory.path)/prefix"
        #expect(try install("--prefix", prefix).code == 0)
        let installed = try files(below: prefix)
        for file in [
            "bin/lamina", "lib/liblamina.so", "lib/liblamina.so.0", "lib/lamina/libLaminaTrace.so",
            "lib/pkgconfig/lamina.pc", "lib/pkgconfig/lamina-ffi.pc", "lib/liblamina-ffi.a",
            "include/lamina/lamina_generic.h", "share/lamina/LaminaProvider/Sources/LaminaFFI/GenericLayer.swift",
            "include/lamina/lamina.h", "include/lamina/lamina_provider.h",
            "share/lamina/catalog.d/kernel.json", "share/lamina/LaminaProvider/Package.swift",
            "share/lamina/LaminaProvider/Sources/LaminaConformance/Conformance.swift",
            "share/lamina/templates/swift/Package.swift", "share/lamina/templates/c-layer/manifest.json",
            "share/bash-completion/completions/lamina", "share/man/man1/lamina.1", "share/man/man1/lamina-run.1",
            "share/man/man1/lamina-chain-add.1",
        ] {
            #expect(installed.contains(file), "\(file)")
        }
        try directory.write("mine", to: "prefix/share/lamina/mine")
        #expect(try install("--prefix", prefix).code == 0)
        #expect(try install("--prefix", prefix, "--uninstall").code == 0)
        #expect(try files(below: prefix) == ["share/lamina/mine"])
        #expect(access("\(prefix)/bin", F_OK) != 0)
        let again = try install("--prefix", prefix, "--uninstall")
        #expect(again.code == 1)
        #expect(again.errors.contains("is missing, so nothing says what was installed there"))
    }

    @Test("A tarball runs wherever it is unpacked, with an empty environment")
    func tarball() throws {
        let file = "\(directory.path)/lamina.tar.gz"
        #expect(try install("--tarball", file).code == 0)
        #expect(try Child.run(["tar", "-xzf", file, "-C", directory.path, "--strip-components=1"]).code == 0)
        let ending = try Child.run(["\(directory.path)/bin/lamina", "list"], alone: true)
        #expect(ending.code == 0)
        #expect(ending.lines.contains { $0.hasPrefix("trace ") && !$0.contains("can't be used") })
        let demo = try Child.run(["\(directory.path)/bin/lamina", "demo"], alone: true)
        #expect(demo.code == 0, "\(demo.output)\(demo.errors)")
    }

    @Test("A Debian package holds the same files, and says what it needs")
    func package() throws {
        let file = "\(directory.path)/lamina.deb"
        let made = try install("--deb", file)
        #expect(made.code == 0, "\(made.errors)")
        let depends = try Child.run(["dpkg-deb", "--field", file, "Depends"]).output
        #expect(depends.contains("libc6 (>= ") && !depends.contains("libstdc++"))
        #expect(try Child.run(["dpkg-deb", "--extract", file, "\(directory.path)/root"]).code == 0)
        let tree = try files(below: PackageTree.prefix).subtracting(["share/lamina/installed"])
        #expect(try files(below: "\(directory.path)/root/usr").symmetricDifference(tree) == [])
        let demo = try Child.run(["\(directory.path)/root/usr/bin/lamina", "demo"], alone: true)
        #expect(demo.code == 0, "\(demo.output)\(demo.errors)")
    }

    @Test(
        "The manifests that are shipped say what the plug-ins say",
        arguments: [
            "kernel", "memory", "trace", "count", "hosts", "redirect", "resolver", "socks5", "throttle", "fault",
            "firewall",
            "meter",
        ]
    )
    func manifests(name: String) throws {
        let lamina = try PackageTree.installed("bin/lamina")
        let library = "\(PackageTree.prefix)/lib/lamina/libLamina\(name.prefix(1).uppercased() + name.dropFirst()).so"
        let seen = try Manifest(
            parsing: Array(try Child.run([lamina, "manifest", library]).output.utf8),
            file: library
        )
        let file = "\(PackageTree.prefix)/share/lamina/catalog.d/\(name).json"
        var shipped = try Manifest(parsing: try readAll(file), file: file)
        // A plug-in has no word for this.
        shipped.isHidden = seen.isHidden
        // A level that must be given settings isn't made for this, so its calls aren't seen.
        if shipped.settings.contains(where: \.isRequired) {
            shipped.entries = seen.entries
            shipped.indications = seen.indications
        }
        #expect(shipped == seen)
    }
}
