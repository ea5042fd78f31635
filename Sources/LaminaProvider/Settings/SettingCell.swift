import CLamina
import Glibc
public import Synchronization

/// The value of one setting of one level, which changes while it is read where the setting is live.
@usableFromInline
final class SettingCell: Sendable {
    let name: StaticString
    let shape: SettingShape
    @usableFromInline let value = Atomic<Int64>(0)
    private let given = Atomic<Bool>(false)
    // Behind the lock.
    nonisolated(unsafe) private var values: [String] = []
    private static let lock = PluginLock {}

    init(_ setting: any DeclaredSetting) {
        name = setting.name
        shape = setting.declaration
    }

    var number: Int64 { value.load(ordering: .relaxed) }
    var isGiven: Bool { given.load(ordering: .relaxed) }
    var texts: [String] { Self.lock.locked { values } }
    var text: String { texts.last ?? "" }

    /// Everything of it, for putting an old value back.
    var contents: (number: Int64, texts: [String], isGiven: Bool) {
        get { (number, texts, isGiven) }
        set {
            value.store(newValue.number, ordering: .relaxed)
            Self.lock.locked { values = newValue.texts }
            given.store(newValue.isGiven, ordering: .relaxed)
        }
    }

    /// Why a value can't be taken; nil where it can.
    func problem(_ setting: lamina_setting) -> String? {
        guard let range = shape.range else { return nil }
        if setting.number < Int64(range.lowerBound) {
            return "\(name) is \(shape.written(setting.number)), less than \(shape.written(range.lowerBound)), "
                + "the least that it can be"
        }
        if setting.number > Int64(range.upperBound) {
            return "\(name) is \(shape.written(setting.number)), more than \(shape.written(range.upperBound)), "
                + "the most that it can be"
        }
        return nil
    }

    private var isList: Bool { shape.flags & LAMINA_SETTING_LIST != 0 }

    /// Takes a value that was checked, at the level's start; a list gets it after those that it has.
    func take(_ setting: lamina_setting) {
        value.store(setting.number, ordering: .relaxed)
        if let text = Self.text(of: setting) { Self.lock.locked { values = isList ? values + [text] : [text] } }
        given.store(true, ordering: .relaxed)
    }

    /// Takes what a live setting is changed to, which was checked: one value, or all of a list.
    func replace(by setting: UnsafePointer<lamina_setting>) {
        guard isList else { return take(setting.pointee) }
        let texts = (0..<Int(setting.pointee.count)).compactMap { Self.text(of: setting[$0]) }
        Self.lock.locked { values = texts }
        given.store(true, ordering: .relaxed)
    }

    private static func text(of setting: lamina_setting) -> String? {
        setting.text.map {
            String(decoding: UnsafeRawBufferPointer(start: $0, count: setting.text_length), as: UTF8.self)
        }
    }
}

/// A setting's value as it is at each moment, found once: for what is read at every call. Reading a number or a flag costs a
/// plain load.
public struct Live<Value: Sendable>: Sendable {
    @usableFromInline let cell: SettingCell
    private let read: @Sendable (SettingCell) -> Value

    init(_ cell: SettingCell, _ setting: Setting<Value>) {
        self.cell = cell
        read = setting.read
    }

    /// The value now. Text is copied.
    public var value: Value { read(cell) }
}

extension Live where Value == Int {
    /// The value now.
    @inlinable
    public var value: Int { Int(cell.value.load(ordering: .relaxed)) }
}

extension Live where Value == Bool {
    /// The value now.
    @inlinable
    public var value: Bool { cell.value.load(ordering: .relaxed) != 0 }
}
