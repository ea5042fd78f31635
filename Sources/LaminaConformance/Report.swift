import CLinux
import Glibc
import Lamina

/// What a child process said about a plug-in before it ended.
struct Report {
    private(set) var names: [String]?
    private(set) var result: RuleResult?
    private(set) var error: LaminaError?
    /// What was being done when the process ended.
    private(set) var place: String?
    private let crash: CrashRecord?
    private let ending: HelperProcess.Ending

    init(_ ending: HelperProcess.Ending) {
        self.ending = ending
        // A crash's report comes last; no line holds its first byte.
        let end = ending.report.firstIndex(of: UInt8(CLINUX_CRASH_REPORT)) ?? ending.report.endIndex
        crash = CrashRecord(ending.report[end...])
        for line in ending.report[..<end].split(separator: UInt8(ascii: "\n")) {
            if line.first == Self.placeMark {
                place = String(decoding: line.dropFirst(), as: UTF8.self)
                continue
            }
            guard let json = try? JSON(parsing: Array(line)) else { continue }
            if let result = RuleResult(json) { self.result = result }
            if let error = json["error"] { self.error = LaminaError(error) }
            if let names = json["providers"]?.arrayValue { self.names = names.compactMap(\.stringValue) }
        }
        // What crashed while the process ended, after the result, still crashed.
        if crash != nil { result = nil }
    }

    /// Why there is no result.
    func cause(_ timeout: Int64) -> String {
        if ending.isLate { return "didn't end within \(timeout / 1_000_000_000) s" }
        if let crash {
            let place = crash.file.map { " \(crash.place) of \($0)" } ?? ""
            return "died by \(CrashRecord.name(ofSignal: crash.signal))\(place)"
        }
        let signal = clinux_kill_signal(ending.status)
        return signal > 0
            ? "died by \(CrashRecord.name(ofSignal: signal))"
            : "ended the process with status \(clinux_exit_code(ending.status))"
    }

    /// Begins a line that is no JSON.
    private static let placeMark = UInt8(ascii: "@")
    /// The last place that was told; nil in a process that nobody reads from.
    private static let told = Locked<String?>(nil)

    /// Whether this process has a parent that reads what it tells.
    static var tellsPlaces: Bool {
        get { told.withLock { $0 != nil } }
        set { told.withLock { $0 = newValue ? "" : nil } }
    }

    /// Tells the parent what is done next, for the case that the process doesn't outlive it.
    static func tell(_ place: String) {
        let isNew = told.withLock { told in
            guard let last = told, last != place else { return false }
            told = place
            return true
        }
        if isNew { write([placeMark] + Array("\(place)\n".utf8)) }
    }

    /// Writes one line for the parent.
    static func write(_ json: JSON) { write(Array((json.text() + "\n").utf8)) }

    private static func write(_ line: [UInt8]) {
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(Probe.reportDescriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    static func json(of error: LaminaError) -> JSON {
        [
            "error": [
                "subject": .string(error.subject), "cause": .string(error.cause), "remedy": .string(error.remedy),
                "errno": .integer(Int64(error.errno)),
            ]
        ]
    }
}

extension LaminaError {
    fileprivate init(_ json: JSON) {
        self.init(
            .loadFailed,
            json["subject"]?.stringValue ?? "plug-in",
            json["cause"]?.stringValue ?? "failed",
            remedy: json["remedy"]?.stringValue ?? "",
            errno: Int32(truncatingIfNeeded: json["errno"]?.integerValue ?? 0)
        )
    }
}
