import CLamina
import LaminaProvider
import Synchronization

/// What lines look like and which are written: the settings that can change while the level is in use. An operation has
/// those that held when it began.
struct Look {
    /// How much of the data is shown.
    enum Data: UInt64 {
        case none, sizes, text, hex
    }

    var isJSON: Bool
    var errorsOnly: Bool
    var data: Data
    /// Bytes of data that data=text and data=hex show.
    var bytes: UInt64

    /// The most of these.
    static let mostBytes: Int64 = 64 << 10

    /// Bytes of data that a line shows.
    var sample: Int { data == .text || data == .hex ? Int(bytes) : 0 }

    init(_ settings: InstanceSettings) {
        isJSON = settings.isChoice("format", "json")
        errorsOnly = settings.number("errors") != 0
        data = .sizes
        if let choice = settings.text("data") { data = Self.data(choice) }
        bytes = UInt64(clamping: settings.number("bytes", default: 32))
    }

    /// What is written in one word.
    init(bits: UInt64) {
        isJSON = bits & 1 != 0
        errorsOnly = bits & 2 != 0
        data = Data(rawValue: bits >> 2 & 3) ?? .sizes
        bytes = bits >> 4
    }

    /// The same in one word, so that it changes at once.
    var bits: UInt64 { (isJSON ? 1 : 0) | (errorsOnly ? 2 : 0) | data.rawValue << 2 | bytes << 4 }

    private static func data(_ choice: UnsafePointer<CChar>) -> Data {
        if InstanceSettings.equals(choice, "none") { return .none }
        if InstanceSettings.equals(choice, "text") { return .text }
        return InstanceSettings.equals(choice, "hex") ? .hex : .sizes
    }

    /// Takes a new value of a live setting; why it can't be had, else nil. `seesData`: whether data calls come here.
    mutating func take(_ setting: lamina_setting, seesData: Bool) -> StaticString? {
        if InstanceSettings.equals(setting.name, "format") {
            isJSON = setting.text.map { InstanceSettings.equals($0, "json") } ?? isJSON
        } else if InstanceSettings.equals(setting.name, "errors") {
            errorsOnly = setting.number != 0
        } else if InstanceSettings.equals(setting.name, "bytes") {
            guard setting.number <= Self.mostBytes else { return "is more than 64k; give less" }
            bytes = UInt64(clamping: setting.number)
        } else if let choice = setting.text {
            let wanted = Self.data(choice)
            guard seesData || wanted == .none else {
                return "was none at the start, so that data calls pass the layer by"
            }
            data = wanted
        }
        return nil
    }
}

extension Trace {
    /// The entry `configure`.
    static func configure(
        _ context: UnsafeMutableRawPointer?,
        _ setting: UnsafePointer<lamina_setting>,
        _ reason: UnsafeMutablePointer<CChar>,
        _ capacity: Int
    ) -> lamina_status {
        guard let level = context?.assumingMemoryBound(to: Trace.self) else { return -EINVAL }
        var look = level.pointee.look
        if let problem = look.take(setting.pointee, seesData: level.pointee.seesData) {
            var line = LineBuffer(
                UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(reason), count: capacity)
            )
            line.append(problem)
            if capacity > 0 { reason[min(line.count, capacity - 1)] = 0 }
            return -EINVAL
        }
        level.pointee.looks.pointee.store(look.bits, ordering: .relaxed)
        return 0
    }
}
