import CLamina
import CLinux
import Glibc

/// Looks at a plug-in in a child process, so that a crash or a hang in its constructors or start-up becomes one line and
/// touches nothing else.
///
/// The child is a command that the caller names, run again as itself: it gets the library's path as its last argument
/// and must call `serve` with it.
public enum Probe {
    /// The descriptor on which the child reports.
    public static let reportDescriptor: Int32 = 3

    /// Runs `helper` with the library's path added, and gives the providers as manifests, with the entries that their
    /// tables fill with default settings. `timeout` is in nanoseconds.
    ///
    /// Blocks until the child has ended. Throws the child's own error, or one that names the stage and the signal, exit
    /// status or time-out that ended it.
    public static func run(
        _ library: String,
        helper: [String],
        timeout: Int64 = 10_000_000_000
    ) throws(LaminaError) -> [Manifest] {
        try run(library, helper: helper, timeout: timeout) { _, _ in }
    }

    /// The same; `crashed` gets the signal of a child that crashed, and where it was.
    static func run(
        _ library: String,
        helper: [String],
        timeout: Int64,
        crashed: (Int32, String) -> Void
    ) throws(LaminaError) -> [Manifest] {
        let report = try ask(library, about: library, helper, timeout, crashed)
        var manifests: [Manifest] = []
        for provider in report["providers"]?.arrayValue ?? [] {
            manifests.append(try Manifest(parsing: Array(provider.text().utf8), file: library))
        }
        return manifests
    }

    /// Runs the child with this last argument, and gives what it reports.
    private static func ask(
        _ argument: String,
        about library: String,
        _ helper: [String],
        _ timeout: Int64,
        _ crashed: (Int32, String) -> Void
    ) throws(LaminaError) -> JSON {
        let child = try HelperProcess(helper + [argument])
        let ending = child.collect(until: clinux_monotonic() + timeout)
        var stage = LoadingStage.load
        for line in ending.report.split(separator: UInt8(ascii: "\n")) {
            guard let json = try? JSON(parsing: Array(line)) else { continue }
            if let name = json["stage"]?.stringValue, let known = LoadingStage(rawValue: name) { stage = known }
            if let error = json["error"] { throw LaminaError(error, about: library) }
            if json["providers"] != nil || json["rules"] != nil { return json }
        }
        let signal = ending.status & 0x7F
        if !ending.isLate, CrashRecord.signals.contains(signal) { crashed(signal, stage.place) }
        throw LaminaError(
            .loadFailed,
            library,
            ending.cause(in: stage, timeout: timeout),
            remedy: "report it to the plug-in's author"
        )
    }

    /// The child's side: loads the library, makes each provider once with default settings, and reports. Gives the exit
    /// status for the process, which should end at once. `argument` is the last one that `run` gave it.
    public static func serve(_ argument: String) -> Int32 {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        // A crash must end the process as it is, without anybody's backtrace.
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        for number in CrashRecord.signals { signal(number, SIG_DFL) }
        LoadingStage.observer = { stage in report(["stage": .string(stage.rawValue)]) }
        do throws(LaminaError) {
            if argument.hasPrefix(rulesMark) {
                report(try describeRules(argument.dropFirst(rulesMark.count)))
                return 0
            }
            let library = try Library.load(argument)
            var providers: [JSON] = []
            for provider in library.providers { providers.append(try describe(provider).json) }
            report(["providers": .array(providers)])
            return 0
        } catch {
            report(["error": error.json])
            return 1
        }
    }

    private static func report(_ json: JSON) {
        let line = Array((json.text() + "\n").utf8)
        var written = 0
        while written < line.count {
            let count = line.withUnsafeBytes { bytes in
                retrying { write(reportDescriptor, bytes.baseAddress.map { $0 + written }, line.count - written) }
            }
            guard count > 0 else { return }
            written += count
        }
    }

    /// The provider's manifest with the entries of an instance. One that can't be made without settings or resources
    /// of its own is no fault; a wrong table is.
    private static func describe(_ provider: Provider) throws(LaminaError) -> Manifest {
        var manifest = provider.manifest
        do throws(LaminaError) {
            try instantiate(provider, LayerSpecification(name: provider.name)) { instance in
                manifest.entries = instance.entryNames
                manifest.indications = instance.indicationNames
            }
        } catch {
            guard error.code != .incompatible else { throw error }
        }
        return manifest
    }

    /// Makes a level, runs `body` with it, and ends it.
    private static func instantiate(
        _ provider: Provider,
        _ layer: LayerSpecification,
        _ body: (Instance) -> Void
    ) throws(LaminaError) {
        // The slot follows its column's header, both empty: nothing is open.
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 512, alignment: 64)
        defer { memory.deallocate() }
        memset(memory, 0, 512)
        let slot = (memory + MemoryLayout<lamina_column>.size).assumingMemoryBound(to: lamina_slot.self)
        LoadingStage.report(.instantiate)
        let instance = try provider.instantiate(layer, slot: slot)
        body(instance)
        instance.destroy()
    }
}

extension Probe {
    /// What precedes a request for rules in the child's last argument, where otherwise a path stands.
    private static let rulesMark = "rules:"

    /// A level's table of rules (`Instance.rules`), from a child process, as `run` looks at a library. `provider` names one of
    /// those that the library has. Blocks until the child has ended.
    ///
    /// Throws what is wrong with the level's settings, with the place, or the child's end.
    public static func rules(
        of layer: LayerSpecification,
        provider: String,
        in library: String,
        helper: [String],
        timeout: Int64 = 10_000_000_000
    ) throws(LaminaError) -> [String] {
        var settings = JSON.Object()
        for setting in layer.settings {
            var values: [JSON] = []
            for value in setting.values { values.append(try value.json(for: layer.label)) }
            settings[setting.key] = .array(values)
        }
        let asked: JSON = [
            "library": .string(library), "provider": .string(provider), "label": .string(layer.label),
            "settings": .object(settings),
        ]
        let report = try ask(rulesMark + asked.text(), about: library, helper, timeout) { _, _ in }
        return report["rules"]?.arrayValue?.compactMap(\.stringValue) ?? []
    }

    private static func describeRules(_ request: Substring) throws(LaminaError) -> JSON {
        let asked = try JSON(parsing: Array(request.utf8))
        let library = try Library.load(asked["library"]?.stringValue ?? "")
        let provider = try library.provider(named: asked["provider"]?.stringValue)
        var layer = LayerSpecification(name: provider.name, label: asked["label"]?.stringValue)
        for (key, values) in asked["settings"]?.objectValue?.members ?? [] {
            let values = (values.arrayValue ?? []).compactMap(WrittenValue.init)
            layer.settings.append(LayerSpecification.Setting(key: key, values: values))
        }
        var rules: [String] = []
        try instantiate(provider, layer) { rules = $0.rules }
        return ["rules": .array(rules.map { .string($0) })]
    }
}

extension WrittenValue {
    fileprivate func json(for label: String) throws(LaminaError) -> JSON {
        switch self {
        case .bare(let text): return ["bare": .string(text)]
        case .quoted(let text): return ["quoted": .string(text)]
        case .file(let path): return ["file": .string(path)]
        case .environment(let name): return ["environment": .string(name)]
        case .secret:
            throw LaminaError(.notSupported, "layer \"\(label)\"", "has a secret that isn't passed to another process")
        }
    }

    fileprivate init?(_ json: JSON) {
        guard let (kind, value) = json.objectValue?.members.first, let text = value.stringValue else { return nil }
        switch kind {
        case "bare": self = .bare(text)
        case "quoted": self = .quoted(text)
        case "file": self = .file(text)
        case "environment": self = .environment(text)
        default: return nil
        }
    }
}

extension LoadingStage {
    fileprivate var place: String {
        switch self {
        case .load: "while it was loaded (a constructor)"
        case .startup: "in \(LAMINA_STARTUP_SYMBOL)"
        case .instantiate: "in instantiate"
        }
    }
}

extension HelperProcess.Ending {
    /// Why there is no report.
    fileprivate func cause(in stage: LoadingStage, timeout: Int64) -> String {
        let place = stage.place
        let signal = status & 0x7F
        if isLate { return "did not return \(place) within \(Quantity.duration.text(of: timeout))" }
        if signal != 0 {
            let name = strsignal(signal).map { " (\(String(cString: $0)))" } ?? ""
            return "crashed \(place) with signal \(signal)\(name)"
        }
        return "ended the process \(place) with status \(status >> 8 & 0xFF)"
    }
}

extension LaminaError {
    fileprivate var json: JSON {
        [
            "incompatible": .bool(code == .incompatible), "subject": .string(subject), "cause": .string(cause),
            "remedy": .string(remedy), "errno": .integer(Int64(errno)),
        ]
    }

    fileprivate init(_ json: JSON, about library: String) {
        self.init(
            json["incompatible"]?.boolValue == true ? .incompatible : .loadFailed,
            json["subject"]?.stringValue ?? library,
            json["cause"]?.stringValue ?? "failed",
            remedy: json["remedy"]?.stringValue ?? "",
            errno: Int32(truncatingIfNeeded: json["errno"]?.integerValue ?? 0)
        )
    }
}
