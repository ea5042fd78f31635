import CLamina
import CLinux
import Glibc
import Lamina
import TestSupport
import Testing

/// The slot of a chain's own column that an instance gets, in memory that lives as long as the test.
final class LoneSlot {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 64)
    var slot: UnsafeMutablePointer<lamina_slot> {
        (memory + MemoryLayout<lamina_column>.size).assumingMemoryBound(to: lamina_slot.self)
    }

    init() {
        memset(memory, 0, 256)
    }

    deinit {
        memory.deallocate()
    }
}

@Suite("Loading a library")
struct LoadingTests {
    let directory: TemporaryDirectory
    let slot = LoneSlot()

    init() throws {
        directory = try TemporaryDirectory()
    }

    func refusal(of path: String) -> String {
        let error = #expect(throws: LaminaError.self) { try Library.load(path) }
        return error?.description.replacing(directory.path, with: "DIR") ?? "loaded"
    }

    @Test("A sound plug-in is loaded once, and says what it is")
    func loads() throws {
        let path = try directory.plugin()
        let library = try Library.load(path)
        let manifest = try library.provider().manifest
        #expect(manifest.name == "fixture")
        #expect(manifest.version == "1.2.3")
        #expect(manifest.kind == .layered)
        #expect(manifest.effect == .observe)
        #expect(manifest.phase == .inspector)
        #expect(manifest.before == ["tls", "proxy"])
        #expect(manifest.settings.map(\.name) == ["limit", "text", "key", "mode"])
        #expect(manifest.settings[3].choices == ["slow", "fast"])
        #expect(try Library.load(path) === library)
        symlink(path, "\(directory.path)/link.so")
        #expect(try Library.load("\(directory.path)/link.so") === library)
    }

    @Test("Threads that load the same file at once get the same library")
    func concurrentLoads() async throws {
        let path = try directory.plugin()
        let libraries = await withTaskGroup(of: Library?.self) { group in
            for _ in 0..<16 { group.addTask { try? Library.load(path) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(libraries.map { $0.map(ObjectIdentifier.init) }).count == 1)
        #expect(libraries.allSatisfy { $0 != nil })
    }

    @Test("A file that was replaced after it was loaded is refused")
    func replaced() throws {
        let path = try directory.plugin()
        _ = try Library.load(path)
        unlink(path)
        _ = try directory.plugin("NEWER_ABI")
        #expect(
            refusal(of: path).hasPrefix(
                "DIR/plugin.so: was changed in place after this process loaded it: restart needed; restart"
            )
        )
    }

    @Test("Settings are delivered, and live ones can change")
    func settings() throws {
        let provider = try Library.load(try directory.plugin()).provider()
        let layer = try LayerSpecification(parsing: "fixture=it:limit=7,text=[a,b],key=k,mode=fast")
        let instance = try provider.instantiate(layer, slot: slot.slot)
        let seen = try #require(instance.context).assumingMemoryBound(to: CChar.self)
        #expect(String(cString: seen) == "limit=7;text=a0;text=b0;key=k0;mode=fast0;")
        #expect(instance.label == "it")
        #expect(instance.effect == .observe)
        #expect(instance.entryNames == ["open", "close", "send"])
        #expect(instance.settings.description == "limit=7,text=[a,b],key=•••,mode=fast")
        try instance.configure("limit", to: "9")
        #expect(instance.settings["limit"] == .integer(9))
        let refused = #expect(throws: LaminaError.self) { try instance.configure("limit", to: "11") }
        #expect(refused?.description == "layer \"it\": limit: more than ten are too many")
        #expect(instance.settings["limit"] == .integer(9))
        #expect(throws: LaminaError.self) { try instance.configure("mode", to: "slow") }
        instance.destroy()
        #expect(String(cString: seen) == "")
    }

    @Test("Signal dispositions, the alternate stack and the mask stay the program's own")
    func signals() throws {
        var before = stack_t()
        sigaltstack(nil, &before)
        var blocked = sigset_t()
        sigaddset(&blocked, SIGUSR2)
        pthread_sigmask(SIG_UNBLOCK, &blocked, nil)
        _ = try Library.load(try directory.plugin("CHANGE_SIGNALS"))
        var action = sigaction()
        sigaction(SIGUSR2, nil, &action)
        #expect(unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 0)
        var after = stack_t()
        sigaltstack(nil, &after)
        #expect(after.ss_sp == before.ss_sp)
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        #expect(sigismember(&mask, SIGUSR2) == 0)
    }

    @Test(
        "A plug-in that answers wrongly is refused with one sentence",
        arguments: [
            ("NO_STARTUP", "DIR/plugin.so: has no symbol lamina_startup; define and export it"),
            ("NEWER_ABI", "DIR/plugin.so: needs ABI version 2, and this Lamina speaks 1; install a newer Lamina"),
            ("OLDER_ABI", "DIR/plugin.so: speaks ABI version 0 at most, and this Lamina speaks 1; build it against"),
            ("FAIL_IN_STARTUP", "DIR/plugin.so: lamina_startup failed: No such device"),
            ("NO_PROVIDERS", "DIR/plugin.so: lamina_startup offers 0 providers"),
            ("NO_NAME", "DIR/plugin.so: provider 0: name: is empty"),
            ("SHORT_DESCRIPTOR", "DIR/plugin.so: provider 0: descriptor: has 8 bytes, fewer than"),
            ("OLD_PROTOCOLS", "DIR/plugin.so: provider \"fixture\": protocol_size: is 24, and a protocol has 40 bytes"),
            ("BAD_PROTOCOL_FLAGS", "DIR/plugin.so: provider \"fixture\": protocols[0].provider_flags: 0x4 has a bit"),
            ("BAD_SETTING", "DIR/plugin.so: provider \"fixture\": settings[3].default: \"fast\" isn't a rate"),
        ]
    )
    func refuses(macro: String, message: String) throws {
        let refusal = refusal(of: try directory.plugin(macro))
        #expect(refusal.hasPrefix(message), "\(refusal)")
    }

    @Test(
        "A wrong table is refused with its entry's name",
        arguments: [
            ("SHORT_TABLE", "provider \"fixture\": dispatch table: has 16 bytes, which hold no"),
            ("LONG_TABLE", "more than"),
            ("EMPTY_SLOT", "provider \"fixture\": entry connect: is empty, and a base provider must fill it"),
            ("FOREIGN_POINTER", "provider \"fixture\": entry send: points outside the plug-in's own code"),
            ("REFUSE_INSTANCE", "layer \"fixture\": fixture has no key"),
        ]
    )
    func refusesTable(macro: String, message: String) throws {
        let provider = try Library.load(try directory.plugin(macro)).provider()
        let error = #expect(throws: LaminaError.self) {
            try provider.instantiate(try LayerSpecification(parsing: "fixture"), slot: slot.slot)
        }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "made")")
    }

    @Test("A provider that declares generic entries may point anywhere")
    func generic() throws {
        let provider = try Library.load(try directory.plugin("FOREIGN_POINTER", "GENERIC")).provider()
        let instance = try provider.instantiate(try LayerSpecification(parsing: "fixture"), slot: slot.slot)
        #expect(instance.entryNames.contains("send"))
    }

    @Test("A start-up symbol of a dependency is not the plug-in's")
    func dependency() throws {
        let dependency = try directory.plugin(named: "libdependency.so")
        let path = try directory.plugin("NO_STARTUP", linking: [dependency, "-Wl,--no-as-needed"])
        #expect(refusal(of: path).hasPrefix("DIR/plugin.so: has no symbol lamina_startup"))
    }

    @Test("What is no plug-in of this machine is refused before any of its code runs")
    func files() throws {
        #expect(
            refusal(of: "\(directory.path)/none.so")
                == "DIR/none.so: the library is missing; check the path"
        )
        let text = try directory.write("#!/bin/sh\n", to: "text.so")
        #expect(refusal(of: text) == "DIR/text.so: is not an ELF file; name a shared object (.so)")
        let path = try directory.plugin("CRASH_IN_CONSTRUCTOR")
        var bytes = try readAll(path)
        let cut = try directory.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.so")
        #expect(refusal(of: cut) == "DIR/cut.so: is truncated; build or copy it again")
        let header = try directory.write(Array(bytes.prefix(20)), to: "header.so")
        #expect(refusal(of: header) == "DIR/header.so: is truncated; build or copy it again")
        bytes[18] = bytes[18] == 0xB7 ? 0x3E : 0xB7
        let other = try directory.write(bytes, to: "other.so")
        #expect(refusal(of: other).hasPrefix("DIR/other.so: is built for "))
        bytes[4] = 1
        let narrow = try directory.write(bytes, to: "narrow.so")
        #expect(refusal(of: narrow).hasPrefix("DIR/narrow.so: is a 32-bit ELF file, and this program is"))
        #expect(refusal(of: "/bin/true").contains("link it with -shared"))
        mkfifo("\(directory.path)/fifo.so", 0o600)
        #expect(refusal(of: "\(directory.path)/fifo.so").hasPrefix("DIR/fifo.so: is not a regular file"))
    }

    @Test("A library that others may write is refused")
    func unsafeMode() throws {
        let path = try directory.plugin("CRASH_IN_CONSTRUCTOR")
        chmod(path, 0o757)
        #expect(refusal(of: path) == "DIR/plugin.so: may be written by everyone; chmod go-w it")
        chmod(path, 0o755)
        chmod(directory.path, 0o777)
        #expect(refusal(of: path) == "DIR: may be written by everyone; chmod go-w it")
        chmod(directory.path, 0o700)
    }

    @Test("Providers that are linked into the program need no file")
    func builtIn() throws {
        let startup: Library.Startup = { _, result in
            result.pointee.abi_minimum = 7
            result.pointee.abi_maximum = 9
            return 0
        }
        let error = #expect(throws: LaminaError.self) { try Library(builtIn: startup, name: "own") }
        #expect(error?.description == "own: needs ABI version 7, and this Lamina speaks 1; install a newer Lamina")
        let handle = try #require(dlopen(try directory.plugin(), RTLD_NOW | RTLD_LOCAL))
        let symbol = try #require(dlsym(handle, "lamina_startup"))
        let library = try Library(builtIn: unsafeBitCast(symbol, to: Library.Startup.self), name: "own")
        #expect(library.providers.map(\.name) == ["fixture"])
        #expect(throws: LaminaError.self) { try library.provider(named: "fixtur") }
    }
}
