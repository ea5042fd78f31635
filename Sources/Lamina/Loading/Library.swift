public import CLamina
import CLinux
import Glibc

/// A shared object with providers, loaded for good (WSPStartup), or providers that are linked into the program.
///
/// A library is never unloaded. Loading blocks for the file and for what its constructors and its start-up symbol do;
/// one that crashes or hangs there takes the process along, which is what `Probe` is for.
public final class Library: Sendable {
    /// The file's path without links; a built-in library's name.
    public let path: String
    /// Which file it is; nil for a built-in library.
    public let identity: FileIdentity?
    /// Its providers, in the order that it gives.
    public let providers: [Provider]

    /// The start-up symbol's type (`lamina_startup_function`).
    public typealias Startup =
        @convention(c) (
            UnsafePointer<lamina_startup_arguments>, UnsafeMutablePointer<lamina_startup_result>
        ) -> lamina_status

    /// The upcalls that libraries get at start-up.
    static var upcalls: UnsafePointer<lamina_upcalls> { Upcalls.table }

    private static let loaded = Locked<[Library]>([])

    /// Loads a file, or gives the library that was made when the same file was loaded before.
    ///
    /// Before any of its code runs, its owner and mode are checked, its pin where there is one, and that it is an ELF
    /// shared object of this machine that defines the start-up symbol. Then it is loaded and started, and everything
    /// that it says is checked. Signal dispositions, and this thread's alternate stack and signal mask, are afterwards
    /// as they were. Errors name file, symbol or field. One library is loaded at a time: a start-up symbol that loads
    /// another one through this waits for itself.
    public static func load(
        _ path: String,
        pin: String? = nil,
        pinned: FileIdentity? = nil
    ) throws(LaminaError) -> Library {
        var verifier = LibraryVerifier()
        let remedy = pin == nil ? "check the path" : LibraryVerifier.reinstall
        try verifier.check(path, pin: pin, identity: pinned, remedy: remedy)
        guard let real = File.resolved(path) else { throw File.error(path, "can't be reached") }
        return try loaded.withLock { libraries throws(LaminaError) in
            let identity = try File.identity(of: real)
            if let known = libraries.first(where: { $0.identity == identity }) { return known }
            if libraries.contains(where: { $0.path == real }) {
                throw LaminaError(
                    .loadFailed,
                    path,
                    "was changed in place after this process loaded it: restart needed",
                    remedy: "restart the program, or give the new file another name (lamina install does)"
                )
            }
            let library = try Library(loading: real, identity: identity)
            libraries.append(library)
            return library
        }
    }

    /// Loads the library of a catalog entry, where the entry can be used and the library isn't quarantined.
    public static func load(
        _ entry: CatalogEntry,
        quarantine: Quarantine = .standard
    ) throws(LaminaError) -> Library {
        switch entry.state {
        case .unavailable(let error): throw error
        case .masked: throw entry.maskError
        case .available: break
        }
        guard let path = entry.library else {
            throw LaminaError(.refused, "provider \"\(entry.name)\"", "has no library", remedy: "see lamina list")
        }
        try quarantine.check(entry)
        return try load(path, pin: entry.manifest?.sha256, pinned: entry.manifest?.identity)
    }

    /// Starts providers that are linked into the program; the name stands for the file in errors. What it says is
    /// checked as a file's is, except that its functions may lie anywhere.
    public init(builtIn startup: Startup, name: String) throws(LaminaError) {
        path = name
        identity = nil
        providers = try Self.start(startup, in: PluginImage(builtIn: name))
    }

    private init(loading path: String, identity: FileIdentity) throws(LaminaError) {
        self.path = path
        self.identity = identity
        providers = try Self.keepingSignals { () throws(LaminaError) in
            LoadingStage.report(.load)
            let image = try PluginImage(loading: path)
            let startup = unsafeBitCast(try image.symbol(LAMINA_STARTUP_SYMBOL), to: Startup.self)
            LoadingStage.report(.startup)
            return try Self.start(startup, in: image)
        }
    }

    /// The provider of this name; where the library has one alone, a name isn't needed.
    public func provider(named name: String? = nil) throws(LaminaError) -> Provider {
        if let provider = name.map({ name in providers.first { $0.name == name } }) ?? providers.first {
            if name != nil || providers.count == 1 { return provider }
        }
        let names = providers.map(\.name)
        throw LaminaError(
            .notFound,
            path,
            name.map { "has no provider \"\($0)\"" } ?? "has \(names.count) providers",
            remedy: "it has \(names.joined(separator: ", "))"
        )
    }

    private static func keepingSignals<Value>(
        _ body: () throws(LaminaError) -> Value
    ) throws(LaminaError) -> Value {
        let state = UnsafeMutablePointer<clinux_signal_state>.allocate(capacity: 1)
        defer { state.deallocate() }
        clinux_save_signals(state)
        defer { clinux_restore_signals(state) }
        return try body()
    }

    /// Runs the start-up function and checks what it offers.
    private static func start(_ startup: Startup, in image: PluginImage) throws(LaminaError) -> [Provider] {
        var arguments = lamina_startup_arguments(
            size: UInt32(MemoryLayout<lamina_startup_arguments>.size),
            type: LAMINA_STARTUP_TYPE,
            abi_minimum: LAMINA_ABI_VERSION,
            abi_maximum: LAMINA_ABI_VERSION,
            table_size: UInt32(MemoryLayout<lamina_table>.size),
            indications_size: UInt32(MemoryLayout<lamina_indications>.size),
            request_size: UInt32(MemoryLayout<lamina_request>.size),
            upcalls_size: UInt32(MemoryLayout<lamina_upcalls>.size),
            upcalls: upcalls
        )
        var result = lamina_startup_result()
        result.size = UInt32(MemoryLayout<lamina_startup_result>.size)
        result.type = LAMINA_STARTUP_TYPE
        let status = startup(&arguments, &result)
        guard status == 0 else {
            throw LaminaError(
                .loadFailed,
                image.path,
                "\(LAMINA_STARTUP_SYMBOL) failed: "
                    + (status < 0 ? String(cString: strerror(-status)) : "it answered \(status)"),
                remedy: "see the plug-in's own documentation",
                errno: max(-status, 0)
            )
        }
        try checkVersion(result, of: image)
        guard (1...64).contains(result.provider_count), let descriptors = result.providers else {
            throw LaminaError(
                .loadFailed,
                image.path,
                "\(LAMINA_STARTUP_SYMBOL) offers \(result.provider_count) providers",
                remedy: "offer 1 to 64 (lamina_offer)"
            )
        }
        var providers: [Provider] = []
        for index in 0..<Int(result.provider_count) {
            guard let descriptor = descriptors[index] else {
                throw LaminaError(
                    .loadFailed,
                    "\(image.path): provider \(index)",
                    "is a null pointer",
                    remedy: "correct the plug-in"
                )
            }
            let provider = try Provider(descriptor, in: image, at: index)
            if providers.contains(where: { $0.name == provider.name }) {
                throw LaminaError(
                    .loadFailed,
                    image.path,
                    "offers \"\(provider.name)\" twice",
                    remedy: "correct the plug-in"
                )
            }
            providers.append(provider)
        }
        return providers
    }

    private static func checkVersion(
        _ result: lamina_startup_result,
        of image: PluginImage
    ) throws(LaminaError) {
        let ours = LAMINA_ABI_VERSION
        guard result.abi_minimum <= result.abi_maximum, result.type == LAMINA_STARTUP_TYPE else {
            throw LaminaError(
                .loadFailed,
                image.path,
                "\(LAMINA_STARTUP_SYMBOL) answers no range of versions (\(result.abi_minimum) to \(result.abi_maximum))",
                remedy: "use lamina_offer"
            )
        }
        if result.abi_minimum > ours {
            throw LaminaError(
                .incompatible,
                image.path,
                "needs ABI version \(result.abi_minimum), and this Lamina speaks \(ours)",
                remedy: "install a newer Lamina"
            )
        }
        if result.abi_maximum < ours {
            throw LaminaError(
                .incompatible,
                image.path,
                "speaks ABI version \(result.abi_maximum) at most, and this Lamina speaks \(ours)",
                remedy: "build it against this Lamina's headers"
            )
        }
    }
}

/// How far loading has come, so that a probe can say where it ended.
enum LoadingStage: String {
    /// The dynamic loader and the constructors.
    case load
    /// The start-up symbol.
    case startup
    /// Making an instance.
    case instantiate

    /// Who wants to know; nobody but a probe.
    nonisolated(unsafe) static var observer: ((LoadingStage) -> Void)?

    static func report(_ stage: LoadingStage) {
        observer?(stage)
    }
}
