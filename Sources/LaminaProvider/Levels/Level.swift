import CLamina
import CLinux
import Glibc
import Synchronization

/// One level of a chain, as its layer knows it (`lamina_instance_arguments`): its label, its settings, and what the
/// framework does for it. A layer keeps it if it needs it later; after the level has ended it says nothing more and runs
/// nothing.
public final class Level: Sendable {
    /// The level's name in this chain.
    public let label: String
    // The framework's, as long as the level lives.
    nonisolated(unsafe) private let slot: UnsafeMutablePointer<lamina_slot>
    nonisolated(unsafe) private let upcalls: UnsafePointer<lamina_upcalls>
    let cells: [SettingCell]
    private let users = Atomic<UInt32>(0)
    private let hasEnded = Atomic<Bool>(false)

    init(_ arguments: UnsafePointer<lamina_instance_arguments>, _ settings: [any DeclaredSetting]) throws(Failure) {
        label = String(cString: arguments.pointee.label)
        slot = arguments.pointee.slot
        upcalls = arguments.pointee.upcalls
        cells = settings.map(SettingCell.init)
        for index in 0..<Int(arguments.pointee.setting_count) {
            guard let setting = arguments.pointee.settings?[index], let cell = cell(named: setting.name) else {
                continue
            }
            if let problem = cell.problem(setting) { throw Failure(EINVAL, problem) }
            cell.take(setting)
        }
    }

    /// The value of a setting, as it is now where it is live. Any thread; a text is copied.
    public subscript<Value>(_ setting: Setting<Value>) -> Value { setting.read(cell(of: setting)) }

    /// A setting's value for reading again and again.
    public func live<Value>(_ setting: Setting<Value>) -> Live<Value> { Live(cell(of: setting), setting) }

    /// Whether the user gave the setting, or it has a default.
    public func has(_ setting: some DeclaredSetting) -> Bool { cell(of: setting).isGiven }

    /// Writes one line for people, after the level's label. Any thread; may block on standard error.
    public func log(_ importance: LogLevel, _ text: String) {
        used { upcalls.log(importance, text, slot) }
    }

    /// Writes whole lines of the layer's own output, where its user asked for it: `lamina:` and the label before each.
    /// Any thread; may block on the output.
    public func output(_ lines: String) {
        used { upcalls.output(lines, label: label, slot) }
    }

    /// Writes whole lines of the layer's own output as they are, where its user asked for it. Any thread; may block on the
    /// output.
    public func output(_ lines: borrowing LineBuffer) {
        used { lines.put(upcalls, slot) }
    }

    /// Runs `body` on the framework's engine after so many nanoseconds, however many, unless the level has ended by then. -ENOMEM where
    /// it can't. Any thread; allocates for the closure.
    public func after(nanoseconds: Int64, _ body: @escaping @Sendable () -> Void) throws(Failure) {
        let timer = Unmanaged.passRetained(LevelTimer(self, body))
        let (time, isNever) = clinux_monotonic().addingReportingOverflow(max(nanoseconds, 0))
        let when = isNever ? Int64.max : time
        let status = used { upcalls.pointee.post_at(slot, when, LevelTimer.fire, timer.toOpaque()) }
        guard status != 0 else { return }
        timer.release()
        throw Failure(status ?? ESHUTDOWN)
    }

    /// Runs `body` while the framework keeps the level; nil where it has ended.
    @discardableResult
    fileprivate func used<Result>(_ body: () -> Result) -> Result? {
        users.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { users.wrappingSubtract(1, ordering: .releasing) }
        return hasEnded.load(ordering: .sequentiallyConsistent) ? nil : body()
    }

    /// The level is about to go, and what it points to as well: waits until nobody uses that any more.
    func end() {
        hasEnded.store(true, ordering: .sequentiallyConsistent)
        while users.load(ordering: .acquiring) > 0 { sched_yield() }
    }

    fileprivate var isAlive: Bool { !hasEnded.load(ordering: .acquiring) }

    /// The cell of a setting that the framework names.
    func cell(named name: UnsafePointer<CChar>) -> SettingCell? {
        cells.first { InstanceSettings.equals(name, $0.name) }
    }

    private func cell(of setting: some DeclaredSetting) -> SettingCell {
        let name = setting.name
        for cell in cells where cell.name.utf8Start == name.utf8Start { return cell }
        for cell in cells where cell.name.description == name.description { return cell }
        log(.error, "setting \(name) isn't declared: add it to the settings of the layer's description")
        return SettingCell(setting)
    }
}

/// What a timer runs.
private final class LevelTimer {
    private let level: Level
    private let body: @Sendable () -> Void

    init(_ level: Level, _ body: @escaping @Sendable () -> Void) {
        self.level = level
        self.body = body
    }

    static let fire: @convention(c) (UnsafeMutableRawPointer?) -> Void = { context in
        guard let context else { return }
        let timer = Unmanaged<LevelTimer>.fromOpaque(context).takeRetainedValue()
        if timer.level.isAlive { timer.body() }
    }
}

/// How important a line is.
public enum LogLevel: UInt32, Sendable {
    /// Something failed.
    case error = 0
    /// Something is wrong, and goes on.
    case warning = 1
    /// What a user wants to know.
    case notice = 2
    /// What an author wants to know.
    case debug = 3
}

extension UnsafePointer<lamina_upcalls> {
    func log(_ importance: LogLevel, _ text: String, _ slot: UnsafeMutablePointer<lamina_slot>?) {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                if let base = bytes.baseAddress { pointee.log(slot, importance.rawValue, base, bytes.count) }
            }
        }
    }

    func output(_ lines: String, label: String, _ slot: UnsafeMutablePointer<lamina_slot>?) {
        var text = ""
        for line in lines.split(separator: "\n", omittingEmptySubsequences: false) where !line.isEmpty {
            text += "lamina: \(label): \(line)\n"
        }
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                if let base = bytes.baseAddress { pointee.output(slot, base, bytes.count) }
            }
        }
    }
}
