import CLinux
import Glibc
public import Lamina

/// Checks whether a plug-in's providers keep the contract.
///
/// `run(helper:)` checks each rule in a process of its own, so that a crash or a hang of the plug-in is a rule that
/// failed. `run()` checks in this process, for a debugger or a sanitizer.
public struct Conformance: Sendable {
    /// A base that layers are checked over.
    public struct Base: Sendable {
        /// Its name.
        public let name: String
        /// The library's path.
        public let library: String

        /// A base by its name and library.
        public init(name: String, library: String) {
            self.name = name
            self.library = library
        }

        /// The bases of a catalog that layers are checked over: `memory` and `kernel`, where they can be used.
        public static func all(of catalog: Catalog = Catalog()) -> [Base] {
            ["memory", "kernel"].compactMap { name in
                guard let entry = try? catalog.entry(named: name), entry.isAvailable, let library = entry.library else {
                    return nil
                }
                return Base(name: name, library: library)
            }
        }
    }

    /// The plug-in's file.
    public let file: String
    /// Settings for the provider, as a layer's are written.
    public let settings: [LayerSpecification.Setting]
    /// The rules to check.
    public let rules: [Rule]
    /// What layers are checked over, besides the kit's own base.
    public let bases: [Base]
    /// The provider to check; nil for all in the file.
    public let provider: String?

    /// A check of a file. Nothing is loaded yet.
    public init(
        file: String,
        provider: String? = nil,
        settings: [LayerSpecification.Setting] = [],
        rules: [Rule] = Rule.all,
        bases: [Base] = Base.all()
    ) {
        self.file = file
        self.provider = provider
        self.settings = settings
        self.rules = rules
        self.bases = bases
    }

    // MARK: - In a process of its own

    /// Checks each rule in a child process: `helper`, a command that calls `serve` with its last argument. `timeout` is
    /// in nanoseconds and for each rule; `children` is how many run at a time, 0 for twice as many as there are
    /// processors. `each` hears of every result, in the order of the rules. Blocks. Throws what keeps the file from
    /// being checked at all: it can't be loaded, or its settings are wrong.
    public func run(
        helper: [String],
        timeout: Int64 = 120_000_000_000,
        children: Int = 0,
        each: (RuleResult) -> Void = { _ in }
    ) throws(LaminaError) -> [RuleResult] {
        let tasks = try providerNames(helper: helper).flatMap { name in
            rules.map { Children.Task(provider: name, rule: $0, order: order(provider: name, rule: $0).text()) }
        }
        return try Children(tasks, helper: helper, timeout: timeout)
            .run(atATime: children > 0 ? children : Children.usual, each: each)
    }

    private func providerNames(helper: [String]) throws(LaminaError) -> [String] {
        let ending = try HelperProcess(helper + [order(provider: provider, rule: nil).text()])
            .collect(until: clinux_monotonic() + 20_000_000_000)
        let report = Report(ending)
        if let error = report.error { throw error }
        guard let names = report.names else {
            throw LaminaError(
                .loadFailed,
                file,
                report.cause(20_000_000_000),
                remedy: "see lamina show \(file.contains("/") ? file : "./\(file)")"
            )
        }
        return names
    }

    private func order(provider: String?, rule: Rule?) -> JSON {
        [
            "file": .string(file), "provider": provider.map(JSON.string) ?? .null,
            "rule": rule.map { .string($0.name) } ?? .null,
            "settings": .array(
                settings.map { setting in
                    ["key": .string(setting.key), "values": .array(setting.values.map { .string($0.text) })]
                }
            ),
            "bases": .array(bases.map { ["name": .string($0.name), "library": .string($0.library)] }),
        ]
    }

    // MARK: - In this process

    /// Checks in this process, in which a crash or a hang of the plug-in is the program's.
    public func run() throws(LaminaError) -> [RuleResult] {
        let library = try Library.load(file)
        let providers =
            try provider.map { name throws(LaminaError) in [try library.provider(named: name)] }
            ?? library.providers
        var known: [(String, Provider)] = []
        if providers.contains(where: { $0.manifest.kind != .base }) {
            for base in bases { known.append((base.name, try Library.load(base.library).provider())) }
        }
        var results: [RuleResult] = []
        for provider in providers {
            let subject = Subject(
                provider: provider,
                layer: LayerSpecification(name: provider.name, label: provider.name, settings: settings),
                bases: known
            )
            // Settings that are wrong keep every rule from being checked.
            _ = try Settings(of: subject.layer, declared: provider.manifest.settings)
            for rule in rules { results.append(try Self.check(rule, subject)) }
        }
        return results
    }

    private static func check(_ rule: Rule, _ subject: Subject) throws(LaminaError) -> RuleResult {
        let name = subject.provider.name
        do {
            try rule.check(subject)
            return RuleResult(provider: name, rule: rule, verdict: .passed)
        } catch let finding as Finding {
            let verdict = RuleResult.Verdict.failed(
                entry: finding.entry,
                seen: finding.seen,
                remedy: finding.remedy
            )
            return RuleResult(provider: name, rule: rule, verdict: verdict)
        } catch let reason as NotApplicable {
            return RuleResult(provider: name, rule: rule, verdict: .notApplicable(reason.reason))
        } catch let error as LaminaError {
            throw error
        } catch {
            throw LaminaError(.system, name, "\(error)")
        }
    }

    /// The child's side of `run(helper:)`: does what `order` says and reports. Gives the exit status for the process,
    /// which should end at once.
    public static func serve(_ order: String) -> Int32 {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        setenv("SWIFT_BACKTRACE", "enable=no", 1)
        clinux_report_crashes(Probe.reportDescriptor)
        Report.tellsPlaces = true
        guard let order = try? JSON(parsing: Array(order.utf8)), let file = order["file"]?.stringValue else { return 2 }
        let conformance = Conformance(
            file: file,
            provider: order["provider"]?.stringValue,
            settings: (order["settings"]?.arrayValue ?? []).map { setting in
                LayerSpecification.Setting(
                    key: setting["key"]?.stringValue ?? "",
                    values: (setting["values"]?.arrayValue ?? []).compactMap(\.stringValue).map { .bare($0) }
                )
            },
            rules: (order["rule"]?.stringValue).flatMap(Rule.named).map { [$0] } ?? [],
            bases: (order["bases"]?.arrayValue ?? []).map {
                Base(name: $0["name"]?.stringValue ?? "", library: $0["library"]?.stringValue ?? "")
            }
        )
        do throws(LaminaError) {
            if conformance.rules.isEmpty {
                let library = try Library.load(file)
                let names = try conformance.names(in: library)
                Report.write(["providers": .array(names.map(JSON.string))])
            } else {
                for result in try conformance.run() { Report.write(result.json) }
            }
            return 0
        } catch {
            Report.write(Report.json(of: error))
            return 1
        }
    }

    private func names(in library: Library) throws(LaminaError) -> [String] {
        try provider.map { name throws(LaminaError) in [try library.provider(named: name).name] }
            ?? library.providers.map(\.name)
    }
}

extension WrittenValue {
    /// As it was written, for a child process.
    fileprivate var text: String {
        switch self {
        case .bare(let text), .quoted(let text): text
        case .file(let path): "@\(path)"
        case .environment(let name): "env:\(name)"
        case .secret(let secret): String(decoding: secret.bytes, as: UTF8.self)
        }
    }
}
